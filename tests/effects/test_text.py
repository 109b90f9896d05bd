"""Writing to the end: what becomes of an answer that was cut, by what the call that goes on brings."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from durable_research import policies
from durable_research.domain.documents.composition import compose
from durable_research.domain.documents.text import WrittenText
from durable_research.domain.ledger.effects import ProviderClass
from durable_research.domain.ledger.usage import TokenUsage
from durable_research.domain.model_errors import (
    EmptyOutput,
    ModelDeclined,
    ModelStopped,
    ModelTooLarge,
    ModelTruncated,
    OnlyReasoning,
)
from durable_research.domain.workflows.progress import Attempt
from durable_research.effects.text import Assignment, TextWriter
from durable_research.ports.objects import StoredObject
from durable_research.ports.vendors.models import ModelAnswer, ModelCall, TextSink
from durable_research.ports.vendors.remote import RemoteEffect
from tests.fakes import START

ASSIGNMENT = Assignment("tenant", "workflow", "llm_call", "Write.", "Why do tides differ?")
USED = TokenUsage(input_tokens=10, output_tokens=20)


class Said(RemoteEffect[ModelAnswer]):
    """One call and what comes of it: a part that was cut, a last one, or an error."""

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

    provider, model, is_demo = "p", "m", False
    provider_class, settle_seconds = ProviderClass.NOTHING, 0.0

    def __init__(self, *outcomes: str | Exception, whole: str | None = None) -> None:
        self._outcomes = [Said(one, is_last=False) for one in outcomes]
        if whole is not None:
            self._outcomes.append(Said(whole, is_last=True))
        self.calls: list[ModelCall] = []

    def prepare(self, call: ModelCall, on_text: TextSink) -> RemoteEffect[ModelAnswer]:
        self.calls.append(call)
        return self._outcomes.pop(0)


class Runner:
    """Performs at once, and keeps no ledger."""

    async def perform(self, effect: Any, prepare: Any, keep: Any, kept: Any, salvage: Any) -> Any:
        try:
            call = prepare(effect.frozen)
            return await keep(await call.collect(await call.send(effect.key, None)))
        except ModelStopped as stopped:
            await salvage(stopped.text)
            raise


class Memory:
    """Drafts and objects in memory."""

    def __init__(self) -> None:
        self.kept: dict[str, bytes] = {}
        self.dropped = 0

    async def put(self, key: str, data: bytes) -> None:
        self.kept[key] = data

    async def get(self, key: str) -> bytes:
        return self.kept[key]

    async def list(self, prefix: str = "") -> AsyncIterator[StoredObject]:
        for key in self.kept:
            yield StoredObject(key, START)

    async def delete(self, key: str) -> None:
        del self.kept[key]

    def show(self, attempt: Attempt, text: str) -> None: ...

    def drop(self, attempt: Attempt) -> None:
        self.dropped += 1


async def written(memory: Memory, model: Scripted) -> tuple[WrittenText, str]:
    attempt = Attempt("workflow", "llm_call", 1, "worker")
    writer = TextWriter(Runner(), lambda: attempt, memory, model, memory)  # type: ignore[arg-type]
    text = await writer.write(ASSIGNMENT)
    return text, await writer.read(text.text)


@pytest.fixture
def memory() -> Memory:
    return Memory()


async def test_a_cut_answer_is_gone_on_with_to_its_end(memory: Memory) -> None:
    text, said = await written(memory, Scripted("Tides ", "turn ", whole="twice."))

    assert (said, text.is_whole, text.is_cut) == ("Tides turn twice.", True, False)
    assert (text.usage.input_tokens, text.usage.output_tokens) == (30, 60)


@pytest.mark.parametrize("nothing", [EmptyOutput(), OnlyReasoning(), ModelTooLarge()])
async def test_a_cut_answer_to_which_going_on_adds_nothing_is_the_answer(memory: Memory, nothing: Exception) -> None:
    text, said = await written(memory, Scripted("# Tides\n\n", "They turn.", nothing))

    assert (said, text.is_whole, text.is_cut) == ("# Tides\n\nThey turn.", True, True)
    assert text.usage == USED + USED
    assert memory.dropped == 1
    document = compose(said, text, workflow_id="w", title=None, language=None, asked_at=START)
    assert ("Length", "cut at the model's longest; going on added nothing") in document.facts


@pytest.mark.parametrize("error", [EmptyOutput(), OnlyReasoning(), ModelTooLarge(), ModelDeclined()])
async def test_a_first_call_that_brings_nothing_has_failed(memory: Memory, error: Exception) -> None:
    with pytest.raises(type(error)):
        await written(memory, Scripted(error))


async def test_any_other_failure_of_going_on_is_one(memory: Memory) -> None:
    with pytest.raises(ModelDeclined):
        await written(memory, Scripted("Tides ", ModelDeclined()))


async def test_an_answer_that_is_cut_again_and_again_has_failed(memory: Memory) -> None:
    with pytest.raises(ModelTruncated):
        await written(memory, Scripted(*["on and "] * (1 + policies.GOING_ON_ALLOWED)))


async def test_what_came_of_an_answer_that_ended_for_an_unknown_reason_is_kept(memory: Memory) -> None:
    with pytest.raises(ModelStopped):
        await written(memory, Scripted("Tides ", ModelStopped("paused", text="turn.")))

    assert b"Tides turn." in memory.kept.values()


async def test_a_text_without_the_mark_says_nothing_of_its_length(memory: Memory) -> None:
    text, said = await written(memory, Scripted(whole="# Tides"))
    document = compose(said, text, workflow_id="w", title=None, language=None, asked_at=START)

    assert "Length" not in dict(document.facts)
