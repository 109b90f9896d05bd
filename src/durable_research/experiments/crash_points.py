"""The crash points, by the names that the design gives them, and what the crash table promises of each."""

from dataclasses import dataclass, replace
from typing import Literal

from durable_research.domain.ledger.effects import ProviderClass

CLASSES = ("K", "R", "L", "N")
# How OPENAI_API names what a class can be asked.
API_OF_CLASS = {"K": "responses-keyed", "R": "chat-stored", "L": "responses", "N": "chat"}

# Long enough for the heartbeat to run out and another worker to take the step over; some wake before it is done, some after.
SHORTEST_FREEZE, LONGEST_FREEZE = 4.0, 9.0
# How far into a running send the kill falls; the simulator withholds its answer for longer than that.
KILL_AFTER_SECONDS = 0.2
ACCEPTANCE_SECONDS = 0.6


@dataclass(frozen=True)
class Point:
    """One place. `victim` is the process that is killed there; a `freeze` stops it instead and lets it wake up later.

    `is_resumed` says that it is met by a report that has failed and goes on, at the `hit`-th time that this report comes by.
    """

    number: str
    failpoint: str
    victim: Literal["worker", "api"] = "worker"
    act: Literal["kill", "freeze"] = "kill"
    after_seconds: float = 0.0
    hit: int = 1
    is_resumed: bool = False

    def as_kill(self) -> "Point":
        """The same place, where nobody is frozen."""
        return replace(self, act="kill")

    def rule(self, freeze_seconds: float) -> str:
        """What `DURABLE_RESEARCH_FAILPOINTS` says. The API passes its first points before a workflow has its number."""
        seconds = f"{freeze_seconds:.1f}" if self.act == "freeze" else f"{self.after_seconds:g}"
        delay = f":{seconds}" if self.act == "freeze" or self.after_seconds else ""
        each = "/workflow" if self.victim == "worker" or self.is_resumed else ""
        return f"{self.failpoint}={self.act}@{self.hit}{delay}{each}"


def effect_points(step: str) -> tuple[Point, ...]:
    """E1-E9 of one kind of effect."""
    return (
        Point("E1", f"{step}.begun"),
        Point("E2", f"{step}.intent"),
        Point("E3", f"{step}.sending", after_seconds=KILL_AFTER_SECONDS),
        Point("E4", f"{step}.accepted"),
        Point("E5", f"{step}.sent"),
        Point("E6", f"{step}.stored"),
        Point("E7", f"{step}.settled"),
        Point("E8", f"{step}.intent", act="freeze"),
        Point("E9", f"{step}.checked", act="freeze"),
    )


OTHER_POINTS = (
    Point("A1", "start.begun", victim="api"),
    Point("A2", "start.accepted", victim="api"),
    Point("A3", "start.giving", victim="api"),
    Point("A4", "start.given", victim="api"),
    Point("S2", "events.streaming", victim="api"),
    Point("P1", "create_pdf.rendered"),
    Point("P2", "create_pdf.stored"),
    Point("D1", "store_report_metadata.stored"),
)


def _resumed(point: Point) -> Point:
    """The same place on the way of a report that was refused once: its first run has come by as far as to the answer."""
    was_met = point.failpoint.rpartition(".")[2] not in {"accepted", "sent", "stored", "settled"}
    return replace(point, number=f"R{point.number}", hit=1 + was_met, is_resumed=True)


RESUMED_CALLS = tuple(_resumed(point) for point in effect_points("llm_call"))
RESUMING_POINTS = (
    Point("A7", "resume.begun", victim="api", is_resumed=True),
    Point("A8", "resume.written", victim="api", is_resumed=True),
    *(_resumed(point) for point in OTHER_POINTS if point.failpoint in {"start.giving", "start.given"}),
)

# The channels whose receivers the simulator plays, by what can be asked of them.
CHANNELS = {"webhook": "K", "slack": "R", "email": "N"}


@dataclass(frozen=True)
class Cell:
    """One line of the table: a point, met by an effect of one provider class."""

    point: Point
    effect: str  # "model call", or the channel of a notification; "" where the point belongs to no effect
    provider_class: str
    model_class: str  # how the model is reached in these runs

    @property
    def name(self) -> str:
        """As a person names it on the command line and in the table."""
        return f"{self.point.number} {self.effect} {self.provider_class}".strip()

    @property
    def channels(self) -> tuple[str, ...] | None:
        """Which notifications are asked for; only the one that is met, so that its first time is the one that counts."""
        return (self.effect,) if self.effect not in {"", "model call"} else None

    @property
    def most_calls(self) -> int:
        """How often such a report may be billed at most, whatever it tells."""
        if self.effect != "model call":
            return 1
        stray = self.is_e9 and self.provider_class in {"R", "L"}
        return 2 if stray or self.provider_class == ProviderClass.NOTHING else 1

    @property
    def may_give_up(self) -> bool:
        """Whether a report may end as failed: the one uncertain call more that the cap allows was lost as well."""
        return self.effect == "model call" and self.provider_class == ProviderClass.NOTHING

    @property
    def messages(self) -> tuple[int, int]:
        """How many notifications its receiver gets at least and at most. Rather lost than doubled where nobody can be asked."""
        if self.effect == "email":
            return 0, 1
        return 1, 2 if self.is_e9 and self.effect == "slack" else 1

    @property
    def is_e9(self) -> bool:
        """Whether somebody sleeps between the check of the fence and the send."""
        return self.point.number.removeprefix("R") == "E9"


def cells(points: tuple[str, ...] | None, classes: tuple[str, ...], channels: dict[str, str]) -> list[Cell]:
    """All lines of the table that were asked for; `channels` maps a channel to its provider class."""
    calls = (*effect_points("llm_call"), *RESUMED_CALLS)
    found = [Cell(point, "model call", one, one) for point in calls for one in CLASSES if one in classes]
    found += [
        Cell(point, channel, of_channel, "L")
        for channel, of_channel in channels.items()
        for point in effect_points("send_notification")
        if of_channel in classes
    ]
    found += [Cell(point, "", "", "L") for point in (*OTHER_POINTS, *RESUMING_POINTS)]
    return [cell for cell in found if points is None or cell.point.number in points]
