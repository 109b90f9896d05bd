"""The names of metrics in PromQL."""

import re

_WORDS = {"and", "or", "unless", "sum", "max", "min"}


def metrics_in(expression: str) -> set[str]:
    """The names of an expression that are no function, keyword or label."""
    bare = re.sub(r'"[^"]*"|\{[^}]*\}|\[[^]]*\]|\b(by|on|group_left) \([^)]*\)|offset (\d+\w|\$\w+)', " ", expression)
    return set(re.findall(r"(?<![\w$:])[a-z][a-z0-9_]*(?::[a-z0-9_]+)*\b(?!\()", bare)) - _WORDS


def without_part(name: str) -> str:
    """A histogram's name, of its series for buckets or their count."""
    return re.sub(r"_(bucket|count)$", "", name)
