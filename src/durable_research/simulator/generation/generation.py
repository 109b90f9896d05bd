"""One accepted model call. Its text is a pure function of the request, its progress one of the time since acceptance.

So no background task is needed: a generation continues without a reader, and while the simulator is down.
"""

import math
import re
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from durable_research.simulator.generation.requests import Message, user_part
from durable_research.simulator.text.writer import compose

Outcome = Literal["complete", "empty", "truncated", "filtered", "refused", "failed"]
FinalStatus = Literal["completed", "incomplete", "failed"]

CHARACTERS_PER_TOKEN = 4
QUEUED_SHARE = 0.05
CHUNK_CHARACTERS = 24
REFUSAL = "I'm sorry, but I can't help with that request."


class Generation(BaseModel):
    """An accepted call: all data needed to answer it later, also after a restart."""

    model_config = ConfigDict(frozen=True)

    id: str
    created: float
    latency: float
    model: str
    prompt: str
    instructions: str = ""
    outcome: Outcome = "complete"
    token_limit: int | None = None
    metadata: dict[str, str] = {}
    store: bool = True
    background: bool = False
    streamed: bool = False
    conversation: str | None = None
    idempotency_key: str | None = None
    # A call that continues an unfinished answer: the question that it answers, and how much of the answer was sent already.
    question: str | None = None
    given_characters: int = 0
    parameters: dict[str, Any] = {}
    messages: list[dict[str, Any]] = []
    quirk: str | None = None

    @property
    def done_at(self) -> float:
        return self.created + self.latency

    @property
    def original_prompt(self) -> str:
        """The question to answer: this call's prompt, or that of the answer which it continues."""
        return self.prompt if self.question is None else self.question

    @property
    def is_chat(self) -> bool:
        return self.id.startswith("chatcmpl")


@dataclass(frozen=True)
class Answer:
    """The text of a generation and how it ends."""

    text: str
    final_status: FinalStatus
    is_refusal: bool = False


def tokens(text: str) -> int:
    """Count by OpenAI's rule of thumb: four characters a token."""
    return math.ceil(len(text) / CHARACTERS_PER_TOKEN)


def input_tokens(generation: Generation) -> int:
    """Tokens of the request: the user's part and the instructions."""
    return tokens(generation.prompt) + tokens(generation.instructions)


def answer(generation: Generation) -> Answer:
    """The final answer of this generation."""
    if generation.outcome == "empty":
        return Answer("", "completed")
    if generation.outcome == "refused":
        return Answer(REFUSAL, "completed", is_refusal=True)
    text = compose(generation.original_prompt, generation.instructions)[generation.given_characters :]
    if generation.outcome in ("truncated", "filtered", "failed"):
        return Answer(text[: len(text) // 2], "failed" if generation.outcome == "failed" else "incomplete")
    if generation.token_limit is not None and tokens(text) > generation.token_limit:
        return Answer(text[: generation.token_limit * CHARACTERS_PER_TOKEN], "incomplete")
    return Answer(text, "completed")


def continuation_of_answer(earlier: Generation, prompt: str) -> dict[str, Any]:
    """The fields by which a call continues an answer that stopped for its length; the same question again starts anew."""
    final = answer(earlier)
    if final.final_status != "incomplete" or prompt == earlier.original_prompt:
        return {}
    return {
        "question": earlier.original_prompt,
        "instructions": earlier.instructions,
        "given_characters": earlier.given_characters + len(final.text),
    }


def continuation_of_chat(messages: list[Message], system_prompt: str) -> dict[str, Any]:
    """The same for a chat: it continues when the assistant's message is the beginning of the answer to the earlier ones."""
    roles = [message.role for message in messages]
    if "assistant" not in roles or roles[-1] != "user":
        return {}
    question = user_part(messages[: roles.index("assistant")])
    sent_text = "".join(message.text for message in messages if message.role == "assistant")
    full_answer = compose(question, system_prompt)
    if not sent_text or sent_text == full_answer or not full_answer.startswith(sent_text):
        return {}
    return {"question": question, "given_characters": len(sent_text)}


def billed_tokens(generation: Generation) -> int:
    """Tokens of the whole call, known at acceptance, because the answer is."""
    return input_tokens(generation) + tokens(answer(generation).text)


def status(generation: Generation, now: float, stopped_at: float | None) -> str:
    """The status of a generation at a moment, with OpenAI's names."""
    if stopped_at is not None:
        return "cancelled"
    if now >= generation.done_at:
        return answer(generation).final_status
    if generation.background and now < writing_starts_at(generation):
        return "queued"
    return "in_progress"


def writing_starts_at(generation: Generation) -> float:
    """The time of the first word; a background call waits in a queue first."""
    return generation.created + (generation.latency * QUEUED_SHARE if generation.background else 0)


def timed_chunks(generation: Generation) -> list[tuple[float, str]]:
    """The answer in chunks, each with the time at which it is written."""
    chunks = _chunks(answer(generation).text)
    begin = writing_starts_at(generation)
    step = (generation.done_at - begin) / max(len(chunks), 1)
    return [(begin + step * number, chunk) for number, chunk in enumerate(chunks, start=1)]


def _chunks(text: str) -> list[str]:
    """Split into chunks of a few words; joined they are the text again."""
    pieces: list[str] = []
    current = ""
    for word in re.findall(r"\s*\S+\s*|\s+", text):
        current += word
        if len(current) >= CHUNK_CHARACTERS:
            pieces.append(current)
            current = ""
    return [*pieces, current] if current else pieces
