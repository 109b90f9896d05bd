"""The request for a processed text, and the rules for the written text."""

import re
from typing import Annotated

from pydantic import ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from durable_research.domain.language.languages import may_be_confused_with, primary_language
from durable_research.domain.requests.writing import WritingRequest
from durable_research.domain.values import Value

_OPENING_CHARACTERS = 400
# A refusal begins with these words; a text about refusals may quote them later.
_REFUSAL = re.compile(
    r"\b(i.?m|i am) (sorry|afraid|unable|not able)\b.{0,60}\b(can.?t|cannot|unable|not able|won.?t)\b"
    r"|\bi (can.?t|cannot|won.?t|will not) (help|assist|comply|provide|fulfil+|write|create)\b"
    r"|\bas an ai( language)? model\b",
    re.IGNORECASE | re.DOTALL,
)
# The tags around a model's reasoning, and its usual beginning when the tags are lost.
_REASONING = re.compile(
    r"</?(think|thinking|thought|reasoning|scratchpad|analysis)>|<\|(channel|start)\|>"
    r"|\A\s*(okay|alright|hmm)[,.] (so )?(the user|let me|i need to|first)\b|\A\s*we need to (answer|write|produce)\b",
    re.IGNORECASE,
)


class OutputRules(Value):
    """The rules for a written text; lengths in characters."""

    model_config = ConfigDict(extra="forbid", strict=True)

    min_characters: Annotated[int, Field(ge=0, le=100_000)] = 200
    max_characters: Annotated[int, Field(ge=1, le=1_000_000)] = 100_000
    check_language: bool = True
    forbid_refusal: bool = True
    forbid_reasoning: bool = True

    @model_validator(mode="after")
    def _in_order(self) -> "OutputRules":
        if self.min_characters > self.max_characters:
            raise PydanticCustomError("out_of_order", "min_characters must not be more than max_characters")
        return self


class ProcessingRequest(WritingRequest):
    """What a person asks to have written, checked and summarised."""

    rules: OutputRules = OutputRules()


def broken_rules(text: str, rules: OutputRules, wanted_language: str | None, language: str | None) -> list[str]:
    """Describe the rules that a text breaks; `language` is its recognised language, None when that is uncertain."""
    length = len(text.strip())
    broken = []
    if length < rules.min_characters:
        broken.append(f"it has {length:,} characters, and at least {rules.min_characters:,} are wanted")
    if length > rules.max_characters:
        broken.append(f"it has {length:,} characters, and at most {rules.max_characters:,} are wanted")
    requested = primary_language(wanted_language) if wanted_language else None
    if rules.check_language and requested and language and not may_be_confused_with(requested, language):
        broken.append(f"it is written in another language ({language}) than the one asked for ({wanted_language})")
    if rules.forbid_refusal and _REFUSAL.search(text[:_OPENING_CHARACTERS]):
        broken.append("it refuses to answer")
    if rules.forbid_reasoning and _REASONING.search(text):
        broken.append("it shows the model's reasoning")
    return broken
