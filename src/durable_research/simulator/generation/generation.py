"""One accepted model call. Its text is a pure function of the request and its progress one of the time since then.

That is why nothing has to run in the background: a generation goes on while nobody looks, and while we are dead.
"""

import math
import re
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from durable_research.simulator.generation.requests import Message, user_part
from durable_research.simulator.text.writer import compose

Outcome = Literal["complete", "empty", "truncated", "filtered", "refused", "failed"]
Ending = Literal["completed", "incomplete", "failed"]

CHARACTERS_PER_TOKEN = 4
QUEUED_SHARE = 0.05
CHUNK_CHARACTERS = 24
REFUSAL = "I'm sorry, but I can't help with that request."


class Generation(BaseModel):
    """What was accepted: everything needed to answer for it later, also after a restart."""

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
    # A call that continues an unfinished answer: whose question it answers, and how much of that was given already.
    question: str | None = None
    given_characters: int = 0
    parameters: dict[str, Any] = {}
    messages: list[dict[str, Any]] = []
    quirk: str | None = None

    @property
    def done_at(self) -> float:
        return self.created + self.latency

    @property
    def asked(self) -> str:
        """The question that is answered: our own prompt, or the one whose answer we go on with."""
        return self.prompt if self.question is None else self.question

    @property
    def is_chat(self) -> bool:
        return self.id.startswith("chatcmpl")


@dataclass(frozen=True)
class Answer:
    """The text of a generation and how it ends."""

    text: str
    ending: Ending
    is_refusal: bool = False


def tokens(text: str) -> int:
    """Count as OpenAI's rule of thumb does: four characters a token."""
    return math.ceil(len(text) / CHARACTERS_PER_TOKEN)


def input_tokens(generation: Generation) -> int:
    """Tokens of what was sent: the user's part and the instructions."""
    return tokens(generation.prompt) + tokens(generation.instructions)


def answer(generation: Generation) -> Answer:
    """What this generation ends with."""
    if generation.outcome == "empty":
        return Answer("", "completed")
    if generation.outcome == "refused":
        return Answer(REFUSAL, "completed", is_refusal=True)
    text = compose(generation.asked, generation.instructions)[generation.given_characters :]
    if generation.outcome in ("truncated", "filtered", "failed"):
        return Answer(text[: len(text) // 2], "failed" if generation.outcome == "failed" else "incomplete")
    if generation.token_limit is not None and tokens(text) > generation.token_limit:
        return Answer(text[: generation.token_limit * CHARACTERS_PER_TOKEN], "incomplete")
    return Answer(text, "completed")


def rest_of_answer(earlier: Generation, prompt: str) -> dict[str, Any]:
    """What makes a call go on where an earlier answer stopped for its length; the question asked anew begins anew."""
    ended = answer(earlier)
    if ended.ending != "incomplete" or prompt == earlier.asked:
        return {}
    return {
        "question": earlier.asked,
        "instructions": earlier.instructions,
        "given_characters": earlier.given_characters + len(ended.text),
    }


def rest_of_chat(messages: list[Message], guidance: str) -> dict[str, Any]:
    """The same for a chat: it goes on when what the assistant has said is the beginning of the answer to what came before."""
    roles = [message.role for message in messages]
    if "assistant" not in roles or roles[-1] != "user":
        return {}
    question = user_part(messages[: roles.index("assistant")])
    said = "".join(message.text for message in messages if message.role == "assistant")
    whole = compose(question, guidance)
    if not said or said == whole or not whole.startswith(said):
        return {}
    return {"question": question, "given_characters": len(said)}


def billed_tokens(generation: Generation) -> int:
    """Tokens of the whole call. They are known at acceptance, because the answer is."""
    return input_tokens(generation) + tokens(answer(generation).text)


def status(generation: Generation, now: float, stopped_at: float | None) -> str:
    """Where a generation is at a moment, in OpenAI's words."""
    if stopped_at is not None:
        return "cancelled"
    if now >= generation.done_at:
        return answer(generation).ending
    if generation.background and now < writing_since(generation):
        return "queued"
    return "in_progress"


def writing_since(generation: Generation) -> float:
    """When the first word is written; a background call waits in a queue first."""
    return generation.created + (generation.latency * QUEUED_SHARE if generation.background else 0)


def timed_chunks(generation: Generation) -> list[tuple[float, str]]:
    """The answer's words, each with the moment at which it is written."""
    chunks = _chunks(answer(generation).text)
    begin = writing_since(generation)
    step = (generation.done_at - begin) / max(len(chunks), 1)
    return [(begin + step * number, chunk) for number, chunk in enumerate(chunks, start=1)]


def _chunks(text: str) -> list[str]:
    """Cut into pieces of some words each; joined they are the text again."""
    pieces: list[str] = []
    current = ""
    for word in re.findall(r"\s*\S+\s*|\s+", text):
        current += word
        if len(current) >= CHUNK_CHARACTERS:
            pieces.append(current)
            current = ""
    return [*pieces, current] if current else pieces
