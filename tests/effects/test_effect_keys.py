"""The keys of effects that ledgers hold: an update that changed one would pay for the effect, or send it, a second time."""

from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any, NamedTuple, NoReturn

import pytest

from durable_research.domain.documents.text import TextReference, WrittenText
from durable_research.domain.errors import StepFailed
from durable_research.domain.ledger.effects import Effect, EffectKind, ProviderClass, model_call_key
from durable_research.domain.ledger.usage import TokenUsage
from durable_research.domain.requests.notice import Notice, NoticeKind
from durable_research.domain.workflow_ref import WorkflowRef
from durable_research.domain.workflows.approval import ApprovalNotice
from durable_research.domain.workflows.events import EventKind
from durable_research.domain.workflows.progress import Attempt
from durable_research.domain.workflows.workflow import Kind, Status
from durable_research.effects.embedding import Embedder
from durable_research.effects.text import Assignment, TextWriter
from durable_research.pipelines.blog_post.activities import BlogPostActivities
from durable_research.pipelines.blog_post.messages import EmbedPost, PostToSlack
from durable_research.pipelines.generate_report.activities import GenerateReportActivities
from durable_research.pipelines.generate_report.messages import SendApprovalNotice, SendNotice, SendNotification
from durable_research.ports.database.workflows import NewWorkflow
from tests.fakes import START
from tests.web.world import FakeWorld

HOOK = "https://hooks.example.org/"
TEXT = WrittenText(
    text=TextReference(key="t/post-1/text.md", sha256="e" * 64, size_bytes=4),
    model="m",
    provider="p",
    is_demo=False,
    usage=TokenUsage(),
)
UNUSED: Any = None


class NotPerformed(StepFailed):
    """The effect was recorded instead."""


class Recorder:
    """In place of the runner: records each effect and performs none."""

    def __init__(self) -> None:
        self.effects: list[Effect] = []

    async def perform(self, effect: Effect, *_: object) -> NoReturn:
        self.effects.append(effect)
        raise NotPerformed("recorded")

    async def withdraw(self, effect: Effect, _: object) -> None:
        self.effects.append(effect)


class Vendor:
    """A notifier or a model, and never called."""

    provider_class, settle_seconds, is_demo = ProviderClass.NOTHING, 0.0, False

    def __init__(self, name: str) -> None:
        self.channel = self.provider = self.model = name


class Effects:
    """The pipelines' activities on a recorder."""

    def __init__(self) -> None:
        recorder: Any = Recorder()
        model: Any = Vendor("m")
        self.world = FakeWorld()
        self.world.objects.objects[TEXT.text.key] = b"Text"
        self.recorded: list[Effect] = recorder.effects
        attempt = Attempt("report-1", "llm_call", 1, "worker")
        self.writer = TextWriter(recorder, lambda: attempt, self.world.drafts, model, self.world.objects)
        notifiers: Any = {name: Vendor(name) for name in ("log", "address", "slack")}
        workflows: Any = self.world.workflows
        self.reports = GenerateReportActivities(
            workflows, recorder, self.writer, self.world.objects, UNUSED, UNUSED, UNUSED, notifiers, "http://127.0.0.1"
        )
        self.posts = BlogPostActivities(
            workflows,
            recorder,
            self.writer,
            UNUSED,
            Embedder(model, UNUSED, self.world.objects),
            notifiers["slack"],
            "http://127.0.0.1",
        )

    async def is_now(self, status: Status, resumption: int = 0) -> None:
        await self.world.workflows.accept(NewWorkflow("report-1", Kind.REPORT, "t", "Tides", {}))
        self.world.workflows.change("report-1", status=status, resumption=resumption)


async def write(effects: Effects) -> None:
    await effects.writer.write(Assignment(WorkflowRef("report-1", "t"), "llm_call", "Write.", "Why?", generation=2))


async def embed(effects: Effects) -> None:
    await effects.posts.create_embedding(EmbedPost(post_id="post-1", tenant="t", title="Tides", text=TEXT))


async def notify(effects: Effects) -> None:
    message = SendNotification(
        report_id="report-1", tenant="t", channels=("log", HOOK), title="Tides", names_title=False
    )
    await effects.reports.send_notification(message)


async def notify_with_the_title(effects: Effects) -> None:
    message = SendNotification(report_id="report-1", tenant="t", channels=("log",), title="Tides")
    await effects.reports.send_notification(message)


def approval_notice(resumption: int) -> Callable[[Effects], Awaitable[None]]:
    async def send(effects: Effects) -> None:
        await effects.is_now(Status.WAITING_FOR_YOU)
        notice = ApprovalNotice(before="create_pdf", expires_at=START, occasion=EventKind.APPROVAL_REMINDED)
        await effects.reports.send_approval_notice(
            SendApprovalNotice(report_id="report-1", tenant="t", channels=(HOOK,), notice=notice, resumption=resumption)
        )

    return send


def notice_of(notice: Notice, status: Status) -> Callable[[Effects], Awaitable[None]]:
    async def send(effects: Effects) -> None:
        await effects.is_now(status, notice.number if status is Status.FAILED else 0)
        message = SendNotice(report_id="report-1", tenant="t", channels=("log",), notice=notice)
        await effects.reports.send_notice(message)

    return send


async def post_to_slack(effects: Effects) -> None:
    await effects.posts.post_to_slack(PostToSlack(post_id="post-1", tenant="t", title="Tides"))


async def take_back_from_slack(effects: Effects) -> None:
    await effects.posts.delete_message(PostToSlack(post_id="post-1", tenant="t", title="Tides"))


FAILED = Notice(kind=NoticeKind.FAILED, number=3, code="model_refused")
DECISION_NEEDED = Notice(kind=NoticeKind.DECISION_ASKED, number=2, code="unconfirmed", step="llm_call")


class Pinned(NamedTuple):
    """An effect's row in the ledger; of both hashes the beginning is pinned."""

    kind: str
    key: str
    fingerprint: str


# Made by the version before the effects of notifications were one. No line is ever to be changed.
PINNED: list[tuple[Callable[[Effects], Awaitable[None]], list[Pinned]]] = [
    (write, [Pinned("model_call", "2d486b658bd8f95c17f4", "c0967d44b543e2bbbbf8")]),
    (embed, [Pinned("embedding", "8455863dcbb4df80ac52", "35e245a8c0c869fb99c2")]),
    (
        notify,
        [
            Pinned("notification", "b7d1f62775bfc71f3acd", "9732b21d68f576aeb7b1"),
            Pinned("notification", "0f8d121974c569d7b529", "c0390a2ab5519bdd7e75"),
        ],
    ),
    (notify_with_the_title, [Pinned("notification", "b7d1f62775bfc71f3acd", "13bc6b727283b33c49d3")]),
    (approval_notice(0), [Pinned("notification", "d2b1e95e325fbc1fb7ac", "e0eb15cf37b7e25225b4")]),
    (approval_notice(2), [Pinned("notification", "76b513997ca525f85cee", "e0eb15cf37b7e25225b4")]),
    (notice_of(FAILED, Status.FAILED), [Pinned("notification", "4a0c832715c45838a27a", "9e718dda34c79ea5e5d7")]),
    (
        notice_of(DECISION_NEEDED, Status.WAITING_FOR_YOU),
        [Pinned("notification", "0967bcffc53eb48e446a", "541f7783f845e1ed9578")],
    ),
    (post_to_slack, [Pinned("notification", "e532a7972eb526f75cef", "841785d2cef72de6f8b9")]),
    (take_back_from_slack, [Pinned("notification", "e532a7972eb526f75cef", "841785d2cef72de6f8b9")]),
]


@pytest.mark.parametrize(("apply", "pinned"), PINNED)
async def test_the_key_and_fingerprint_of_each_effect_never_change(
    apply: Callable[[Effects], Awaitable[None]], pinned: list[Pinned]
) -> None:
    effects = Effects()

    with suppress(NotPerformed):
        await apply(effects)

    assert [Pinned(one.kind, one.key[:20], one.fingerprint[:20]) for one in effects.recorded] == pinned


def test_the_key_of_a_model_call_is_computed_from_its_part_and_generation() -> None:
    effect = Effect(
        WorkflowRef("report-1", "t"),
        "llm_call",
        EffectKind.MODEL_CALL,
        "p",
        ProviderClass.NOTHING,
        {},
        ordinal="1",
        generation=2,
    )

    assert model_call_key(WorkflowRef("report-1", "t"), "llm_call", part=1, generation=2) == effect.key
