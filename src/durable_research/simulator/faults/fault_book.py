"""All active faults and quirks, in a separate file: a simulator that is killed has the same ones after its restart."""

from dataclasses import dataclass

from durable_research.simulator.faults.faults import Call, Fault
from durable_research.simulator.journal import Journal


@dataclass
class _ActiveFault:
    fault: Fault
    seen: int = 0
    fired: int = 0


class FaultBook:
    """Oldest first. Each fault counts every call that it matches; the first one due hits."""

    def __init__(self, journal: Journal) -> None:
        self._active: list[_ActiveFault] = []
        self._journal = journal
        for entry in journal.entries():
            if "set" in entry:
                self._active.append(_ActiveFault(Fault.model_validate(entry["set"])))
            elif "cleared" in entry:
                self._active.clear()
            else:
                self._count(entry["seen"], entry["hit"])

    def add(self, fault: Fault) -> None:
        self._active.append(_ActiveFault(fault))
        self._journal.append({"set": fault.model_dump(mode="json")}, sync=False)

    def clear(self) -> None:
        self._active.clear()
        self._journal.append({"cleared": True}, sync=False)

    def listed(self) -> list[dict[str, object]]:
        return [{**one.fault.model_dump(), "seen": one.seen, "fired": one.fired} for one in self._active]

    def take(self, call: Call) -> Fault | None:
        """The fault that hits this call, if any; each invocation counts as a call."""
        seen = [number for number, one in enumerate(self._active) if one.fault.can_hit(call)]
        if not seen:
            return None
        hit = next((number for number in seen if _is_due(self._active[number])), None)
        self._count(seen, hit)
        self._journal.append({"seen": seen, "hit": hit}, sync=False)
        return None if hit is None else self._active[hit].fault

    def _count(self, seen: list[int], hit: int | None) -> None:
        for number in seen:
            self._active[number].seen += 1
        if hit is not None:
            self._active[hit].fired += 1


def _is_due(one: _ActiveFault) -> bool:
    """Whether the fault hits the call that is being counted."""
    return one.seen + 1 >= one.fault.call and one.fired < one.fault.times
