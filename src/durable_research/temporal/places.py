"""Every failpoint there is: those that stand in code by name, and those that each effect and each undo of the table has."""

from durable_research import failpoints
from durable_research.failpoints import Place, UndoPlace, UnknownFailpoint
from durable_research.temporal import policies

FAILPOINTS = (
    failpoints.OTHERS
    | {f"{policy.step}.{place}" for policy in policies.STEPS.values() if policy.effect for place in Place}
    | {f"{policy.step}.{place}" for policy in policies.STEPS.values() if policy.undoes for place in UndoPlace}
)


def check_rules(text: str) -> None:
    """Refuse rules that would never do anything.

    Raises:
        UnknownFailpoint: a rule is malformed or names no failpoint of ours.
    """
    if unknown := failpoints.parse(text).keys() - FAILPOINTS:
        raise UnknownFailpoint(
            f"no such failpoint: {', '.join(sorted(unknown))}; there are {', '.join(sorted(FAILPOINTS))}"
        )
