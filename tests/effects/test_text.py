"""Continuing a truncated answer: the outcome depends on the answer of the continuation."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import pytest

from durable_research import policies
from durable_research.domain.documents.composition import compose
from durable_research.domain.documents.text import WrittenText
from durable_research.domain.ledger.effects import Effect, ProviderClass
from durable_research.domain.ledger.usage import TokenUsage
from durable_research.domain.model_errors import (
    EmptyOutput,
    ModelDeclined,
    ModelStopped,
    ModelTooLarge,
    ModelTruncated,
    OnlyReasoning,
)
from durable_research.domain.workflow_ref import WorkflowRef
from durable_research.domain.workflows.progress import Attempt
from durable_research.effects.accepted_send import Answer, Salvage
from durable_research.effects.runner import Stored
from durable_research.effects.text import Assignment, TextWriter
from durable_research.ports.vendors.models import ModelAnswer, ModelCall, TextSink
from durable_research.ports.vendors.remote import EarlierSend, RemoteEffect
from tests.fakes import START, FakeChanges, FakeDrafts, FakeObjects

ASSIGNMENT = Assignment(WorkflowRef("workflow", "tenant"), "llm_call", "Write.", "Why do tides differ?")
USED = TokenUsage(input_tokens=10, output_tokens=20)


class ScriptedCall(RemoteEffect[ModelAnswer]):
    """One call and its outcome: a truncated part, the last part, or an error."""

    def __init__(self, outcome: str | Exception, *, is_last: bool) -> None:
        self._outcome = outcome
        self._is_last = is_last

    async def send(self, key: str, handle: str | None) -> str:
        return "ref"

    async def collect(self, reference: str) -> ModelAnswer:
        if isinstance(self._outcome, Exception):
            raise self._outcome
        return ModelAnswer(self._outcome, "m", USED, reference, is_whole=self._is_last)


class Scripted:
    """A model that answers by a list; a string is a part that was cut, and `whole` the last."""

    provider: str = "p"
    model: str = "m"
    is_demo: bool = False
    provider_class, settle_seconds = ProviderClass.NOTHING, 0.0

    def __init__(self, *outcomes: str | Exception, whole: str | None = None) -> None:
        self._outcomes = [ScriptedCall(one, is_last=False) for one in outcomes]
        if whole is not None:
            self._outcomes.append(ScriptedCall(whole, is_last=True))
        self.calls: list[ModelCall] = []

    def prepare(self, call: ModelCall, on_text: TextSink) -> RemoteEffect[ModelAnswer]:
        self.calls.append(call)
        return self._outcomes.pop(0)

    async def cancel(self, reference: str) -> None:
        """Nothing runs after its answer."""

    async def find_all(self, send: EarlierSend) -> list[str]:
        return []


class Runner:
    """Performs at once, without a ledger."""

    async def perform(
        self,
        effect: Effect,
        prepare: Callable[[Mapping[str, Any]], RemoteEffect[Answer]],
        store: Callable[[Answer], Awaitable[Stored]],
        stored: type[Stored],
        salvage: Salvage | None = None,
    ) -> Stored:
        try:
            call = prepare(effect.frozen)
            return await store(await call.collect(await call.send(effect.key, None)))
        except ModelStopped as stopped:
            if salvage:
                await salvage(stopped.text)
            raise


class Memory:
    """Drafts and objects in memory."""

    def __init__(self) -> None:
        self.objects = FakeObjects()
        self.drafts = FakeDrafts(FakeChanges())


async def written(memory: Memory, model: Scripted) -> tuple[WrittenText, str]:
    attempt = Attempt("workflow", "llm_call", 1, "worker")
    writer = TextWriter(Runner(), lambda: attempt, memory.drafts, model, memory.objects)
    text = await writer.write(ASSIGNMENT)
    return text, await writer.read(text.text)


@pytest.fixture
def memory() -> Memory:
    return Memory()


async def test_a_truncated_answer_is_continued_to_its_end(memory: Memory) -> None:
    text, read = await written(memory, Scripted("Tides ", "turn ", whole="twice."))

    assert (read, text.is_whole, text.is_cut) == ("Tides turn twice.", True, False)
    assert (text.usage.input_tokens, text.usage.output_tokens) == (30, 60)


@pytest.mark.parametrize("nothing", [EmptyOutput(), OnlyReasoning(), ModelTooLarge()])
async def test_a_truncated_answer_whose_continuation_is_empty_is_published_as_cut(
    memory: Memory, nothing: Exception
) -> None:
    text, read = await written(memory, Scripted("# Tides\n\n", "They turn.", nothing))

    assert (read, text.is_whole, text.is_cut) == ("# Tides\n\nThey turn.", True, True)
    assert text.usage == USED + USED
    assert len(memory.drafts.dropped) == 1
    document = compose(read, text, workflow_id="w", title=None, language=None, asked_at=START)
    assert ("Length", "cut at the model's longest; going on added nothing") in document.facts


@pytest.mark.parametrize("error", [EmptyOutput(), OnlyReasoning(), ModelTooLarge(), ModelDeclined()])
async def test_a_first_call_without_text_fails(memory: Memory, error: Exception) -> None:
    with pytest.raises(type(error)):
        await written(memory, Scripted(error))


async def test_any_other_failure_of_the_continuation_fails_the_step(memory: Memory) -> None:
    with pytest.raises(ModelDeclined):
        await written(memory, Scripted("Tides ", ModelDeclined()))


async def test_an_answer_truncated_beyond_the_allowed_continuations_fails(memory: Memory) -> None:
    with pytest.raises(ModelTruncated):
        await written(memory, Scripted(*["on and "] * (1 + policies.CONTINUATIONS_ALLOWED)))


async def test_the_text_of_an_answer_that_stopped_for_an_unknown_reason_is_stored(memory: Memory) -> None:
    with pytest.raises(ModelStopped):
        await written(memory, Scripted("Tides ", ModelStopped("paused", text="turn.")))

    assert b"Tides turn." in memory.objects.objects.values()


async def test_a_complete_text_has_no_length_fact(memory: Memory) -> None:
    text, read = await written(memory, Scripted(whole="# Tides"))
    document = compose(read, text, workflow_id="w", title=None, language=None, asked_at=START)

    assert "Length" not in dict(document.facts)
