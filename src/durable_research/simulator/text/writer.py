"""Writes the answers: varied reports that are a pure function of the prompt and the instructions."""

import hashlib
import re
from collections.abc import Sequence
from functools import lru_cache
from typing import TypeVar

from durable_research.simulator.text import phrases

Item = TypeVar("Item")

TOPIC_LONGEST = 80
# Only here a request for brevity is searched: a long quoted text in between may contain the same words.
_EDGE_CHARACTERS = 200

# Full stops and question marks, also those of Chinese and Japanese.
_END_MARKS = " .?!:;\u3002\uff1f\uff01"

_ECHO = re.compile(r"^ECHO:[ \n]?(.*)\Z", re.MULTILINE | re.DOTALL)
_BRIEF = re.compile(r"\bshort\b(?!-)|\b(one|single)[- ]paragraph\b|\bsummari[sz]e\b", re.IGNORECASE)
_NAMED_TOPIC = re.compile(r"^\s*(?:question|topic|prompt|subject)\s*:\s*(\S.*)$", re.IGNORECASE | re.MULTILINE)
_TAGGED_TOPIC = re.compile(r"<(question|topic|prompt)>\s*(.*?)\s*</\1>", re.IGNORECASE | re.DOTALL)
_ORDER = re.compile(
    r"^(?:please\s+)?(?:write|give|prepare|create|generate|draft|produce|make|summari[sz]e|research|explain|describe)\b"
    r"(?:\s+(?:me|us))?(?:\s+(?:a|an|the))?(?:\s+[\w-]+){0,3}?\s+(?:about|on|of|into)\s+",
    re.IGNORECASE,
)
_SCRIPT_LETTERS = {
    "Japanese": re.compile(r"[\u3040-\u30ff]"),
    "Korean": re.compile(r"[\u1100-\u11ff\uac00-\ud7af]"),
    "Chinese": re.compile(r"[\u3400-\u9fff]"),
    "Arabic": re.compile(r"[\u0600-\u06ff]"),
    "Hebrew": re.compile(r"[\u0590-\u05ff]"),
    "Cyrillic": re.compile(r"[\u0400-\u04ff]"),
    "Greek": re.compile(r"[\u0370-\u03ff]"),
}
_SCRIPT_NAMES = {
    "Japanese": r"japanese",
    "Korean": r"korean",
    "Chinese": r"chinese|mandarin",
    "Arabic": r"arabic",
    "Hebrew": r"hebrew",
    "Cyrillic": r"cyrillic|russian|ukrainian|bulgarian",
    "Greek": r"greek",
}
_EVERY_SCRIPT = re.compile(r"non-latin|(every|all|many) scripts?|multilingual", re.IGNORECASE)


@lru_cache(maxsize=64)
def compose(prompt: str, instructions: str) -> str:
    """The whole answer to a prompt, in Markdown; deterministic."""
    if echo := _ECHO.search(prompt):
        return echo[1]
    rng = _SeededRandom(prompt + "\0" + instructions)
    if _is_brief(prompt, instructions):
        return _brief(prompt, rng)
    return _report(prompt, rng)


class _SeededRandom:
    """Pseudo-random choices that depend on the seed alone, on every machine and Python version."""

    def __init__(self, seed: str) -> None:
        self._seed = hashlib.sha256(seed.encode()).digest()
        self._draws = 0

    def number(self, below: int) -> int:
        self._draws += 1
        digest = hashlib.sha256(self._seed + self._draws.to_bytes(4, "big")).digest()
        return int.from_bytes(digest[:8], "big") % below

    def one(self, items: Sequence[Item]) -> Item:
        return items[self.number(len(items))]

    def some(self, items: Sequence[Item], count: int) -> list[Item]:
        remaining = list(items)
        return [remaining.pop(self.number(len(remaining))) for _ in range(count)]


def _is_brief(prompt: str, instructions: str) -> bool:
    if _BRIEF.search(prompt[:_EDGE_CHARACTERS]) or _BRIEF.search(prompt[-_EDGE_CHARACTERS:]):
        return True
    # Only the first sentence of the instructions: those of a report may require a summary section further down.
    return bool(_BRIEF.search(re.split(r"[.\n]", instructions, maxsplit=1)[0]))


def topic_of(prompt: str) -> str:
    """The topic of the prompt, in one line."""
    if tagged := _TAGGED_TOPIC.search(prompt):
        requested = tagged[2]
    elif named := _NAMED_TOPIC.search(prompt):
        requested = named[1]
    else:
        requested = next((line for line in prompt.splitlines() if line.strip()), "")
    words = _ORDER.sub("", " ".join(requested.split())).rstrip(_END_MARKS)
    if len(words) > TOPIC_LONGEST:
        cut = words[:TOPIC_LONGEST]
        words = (cut.rsplit(" ", 1)[0] if " " in cut else cut) + "…"
    return words or "the question"


def _brief(prompt: str, rng: _SeededRandom) -> str:
    summary = rng.one(phrases.SUMMARIES).format(topic=f"“{topic_of(prompt)}”")
    return f"{summary} {rng.one(phrases.CAUTIONS)} {phrases.DEMO_NOTE}"


def _report(prompt: str, rng: _SeededRandom) -> str:
    topic = topic_of(prompt)
    background = rng.some(phrases.BACKGROUND, 3)
    findings = rng.some(phrases.FINDINGS, 3)
    sources = rng.some(phrases.SOURCES, 3)
    sections = [
        f"# {topic[:1].upper()}{topic[1:]}",
        phrases.DEMO_NOTE,
        "## " + rng.one(("Summary", "In brief", "Overview")),
        rng.one(phrases.SUMMARIES).format(topic=f"“{topic}”") + "[^scope]",
        "## " + rng.one(("Background", "How the question arose", "Terms and context")),
        background[0],
        f"{background[1]} A good introduction is [{sources[0][0]}]({sources[0][1]}).",
        background[2],
        "## " + rng.one(("What the figures say", "Findings", "Measurements")),
        findings[0] + "[^figures]",
        _table(rng),
        *findings[1:],
        "## Two readings",
        "### The cautious one",
        rng.one(phrases.CAUTIOUS_READINGS),
        "### The bold one",
        rng.one(phrases.BOLD_READINGS),
        "## " + rng.one(("How to check it", "A method in steps", "Procedure")),
        "The following order has proved practical:",
        _numbered(rng.some(phrases.STEPS, 5)),
        "The calculation itself is small:",
        _code(rng),
        "## " + rng.one(("What follows", "Consequences", "Points to weigh")),
        f"For decisions that involve “{topic}”, these points deserve weight:",
        _bulleted(rng.some(phrases.POINTS, 5)),
        *_other_scripts(prompt),
        "## " + rng.one(("Open questions", "Limits", "What remains uncertain")),
        *rng.some(phrases.CAUTIONS, 2),
        "## Sources",
        _bulleted([f"[{title}]({address})" for title, address in sources]),
        f"[^scope]: “{topic}” is taken in its widest sense here.",
        "[^figures]: All figures were drawn by lot; see [the handbook](https://example.com/handbook).",
    ]
    return "\n\n".join(sections) + "\n"


def _table(rng: _SeededRandom) -> str:
    rows = []
    for row in rng.some(phrases.ROWS, 4):
        effect = f"{rng.number(90)}.{rng.number(10)} %"
        rows.append(f"| {row} | {20 + rng.number(400)} | {effect} | {rng.one(('low', 'fair', 'high'))} |")
    return "\n".join(["| Case | Observations | Effect | Confidence |", "| :--- | ---: | ---: | :---: |", *rows])


def _code(rng: _SeededRandom) -> str:
    language, lines = rng.one(phrases.CODE)
    filled = lines.format(a=10 + rng.number(15), b=30 + rng.number(30), c=60 + rng.number(40))
    return f"```{language}\n{filled}\n```"


def _numbered(items: list[str]) -> str:
    return "\n".join(f"{number}. {item}" for number, item in enumerate(items, start=1))


def _bulleted(items: list[str]) -> str:
    return "\n".join(f"- {item}" for item in items)


def _other_scripts(prompt: str) -> list[str]:
    requested = scripts_in(prompt)
    if not requested:
        return []
    words = [f"**{script}:** {' · '.join(phrases.SCRIPTS[script])}" for script in requested]
    return [
        "## The words in other scripts",
        "Research, question, answer, time and source, as they are written elsewhere:",
        _bulleted(words),
    ]


def scripts_in(prompt: str) -> list[str]:
    """The scripts that a prompt is written in or names, among those in `phrases.py`."""
    if _EVERY_SCRIPT.search(prompt):
        return list(phrases.SCRIPTS)
    written = {script for script, letters in _SCRIPT_LETTERS.items() if letters.search(prompt)}
    if "Japanese" in written and not re.search(_SCRIPT_NAMES["Chinese"], prompt, re.IGNORECASE):
        # Japanese is written with Chinese characters too.
        written.discard("Chinese")
    named = {script for script, names in _SCRIPT_NAMES.items() if re.search(names, prompt, re.IGNORECASE)}
    return [script for script in phrases.SCRIPTS if script in written | named]
