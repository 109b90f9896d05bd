"""The crash points, by their names in the design, and the promise of the crash table for each."""

from dataclasses import dataclass, replace
from typing import Literal

from durable_research.domain.ledger.effects import ProviderClass

CLASSES = ("K", "R", "L", "N")
# The value of OPENAI_API for each provider class.
API_OF_CLASS = {"K": "responses-keyed", "R": "chat-stored", "L": "responses", "N": "chat"}

# Long enough for the heartbeat timeout and another worker's take-over of the step; some wake before it is done, some after.
SHORTEST_FREEZE, LONGEST_FREEZE = 4.0, 9.0
# The delay of the kill after the start of a send; the simulator withholds its answer for longer than that.
KILL_AFTER_SECONDS = 0.2
ACCEPTANCE_SECONDS = 0.6


@dataclass(frozen=True)
class Point:
    """One crash point. `target` is the process that is killed there; a `freeze` stops it instead and continues it later.

    `is_resumed`: a failed report that was resumed reaches the point, at the `hit`-th time that this report passes it.
    """

    number: str
    failpoint: str
    target: Literal["worker", "api"] = "worker"
    act: Literal["kill", "freeze"] = "kill"
    after_seconds: float = 0.0
    hit: int = 1
    is_resumed: bool = False

    def as_kill(self) -> "Point":
        """The same point with a kill instead of a freeze."""
        return replace(self, act="kill")

    def rule(self, freeze_seconds: float) -> str:
        """The value of `DURABLE_RESEARCH_FAILPOINTS`. The API passes its first points before a workflow has its number."""
        seconds = f"{freeze_seconds:.1f}" if self.act == "freeze" else f"{self.after_seconds:g}"
        delay = f":{seconds}" if self.act == "freeze" or self.after_seconds else ""
        each = "/workflow" if self.target == "worker" or self.is_resumed else ""
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
    Point("A1", "start.begun", target="api"),
    Point("A2", "start.accepted", target="api"),
    Point("A3", "start.giving", target="api"),
    Point("A4", "start.given", target="api"),
    Point("S2", "events.streaming", target="api"),
    Point("P1", "create_pdf.rendered"),
    Point("P2", "create_pdf.stored"),
    Point("D1", "store_report_metadata.stored"),
)


def _resumed(point: Point) -> Point:
    """The same point in a report that was refused once: its first run has passed the points up to the answer."""
    was_passed = point.failpoint.rpartition(".")[2] not in {"accepted", "sent", "stored", "settled"}
    return replace(point, number=f"R{point.number}", hit=1 + was_passed, is_resumed=True)


RESUMED_CALLS = tuple(_resumed(point) for point in effect_points("llm_call"))
RESUMING_POINTS = (
    Point("A7", "resume.begun", target="api", is_resumed=True),
    Point("A8", "resume.written", target="api", is_resumed=True),
    *(_resumed(point) for point in OTHER_POINTS if point.failpoint in {"start.giving", "start.given"}),
)

# The channels whose receivers the simulator plays, by their provider class.
CHANNELS = {"webhook": "K", "slack": "R", "email": "N"}


@dataclass(frozen=True)
class Cell:
    """One line of the table: a crash point that an effect of one provider class reaches."""

    point: Point
    effect: str  # "model call", or the channel of a notification; "" if the point belongs to no effect
    provider_class: str
    model_class: str  # the model's provider class in these runs

    @property
    def name(self) -> str:
        """The cell's name on the command line and in the table."""
        return f"{self.point.number} {self.effect} {self.provider_class}".strip()

    @property
    def channels(self) -> tuple[str, ...] | None:
        """The requested notifications; only the one under test, so that its first hit is the one that counts."""
        return (self.effect,) if self.effect not in {"", "model call"} else None

    @property
    def most_calls(self) -> int:
        """How often such a report may be billed at most, whatever charges it reports."""
        if self.effect != "model call":
            return 1
        has_duplicate = self.is_e9 and self.provider_class in {"R", "L"}
        return 2 if has_duplicate or self.provider_class == ProviderClass.NOTHING else 1

    @property
    def may_give_up(self) -> bool:
        """Whether a report may end as failed: the one extra call of unknown outcome that the cap allows was lost too."""
        return self.effect == "model call" and self.provider_class == ProviderClass.NOTHING

    @property
    def messages(self) -> tuple[int, int]:
        """The least and the most notifications of its receiver. One that cannot be polled is lost rather than sent twice."""
        if self.effect == "email":
            return 0, 1
        return 1, 2 if self.is_e9 and self.effect == "slack" else 1

    @property
    def is_e9(self) -> bool:
        """Whether a worker is frozen between the check of the fence and the send."""
        return self.point.number.removeprefix("R") == "E9"


def cells(points: tuple[str, ...] | None, classes: tuple[str, ...], channels: dict[str, str]) -> list[Cell]:
    """All requested lines of the table; `channels` maps a channel to its provider class."""
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
