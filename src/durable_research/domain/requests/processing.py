"""A processed text: what is asked for, and the rules that the written text must keep."""

import re
from typing import Annotated

from pydantic import ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from durable_research.domain.language.languages import is_hardly_told_from, primary_language
from durable_research.domain.requests.writing import WritingRequest
from durable_research.domain.values import Value

_OPENING_CHARACTERS = 400
# A refusal says so at once; a text about refusals may quote them later.
_REFUSAL = re.compile(
    r"\b(i.?m|i am) (sorry|afraid|unable|not able)\b.{0,60}\b(can.?t|cannot|unable|not able|won.?t)\b"
    r"|\bi (can.?t|cannot|won.?t|will not) (help|assist|comply|provide|fulfil+|write|create)\b"
    r"|\bas an ai( language)? model\b",
    re.IGNORECASE | re.DOTALL,
)
# What models wrap their reasoning in, and how it begins when the wrapping is lost.
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
    """What is wrong with a text, in words; `language` is the one that it seems to be written in, None when nobody can tell."""
    length = len(text.strip())
    broken = []
    if length < rules.min_characters:
        broken.append(f"it has {length:,} characters, and at least {rules.min_characters:,} are wanted")
    if length > rules.max_characters:
        broken.append(f"it has {length:,} characters, and at most {rules.max_characters:,} are wanted")
    wanted = primary_language(wanted_language) if wanted_language else None
    if rules.check_language and wanted and language and not is_hardly_told_from(wanted, language):
        broken.append(f"it is written in another language ({language}) than the one asked for ({wanted_language})")
    if rules.forbid_refusal and _REFUSAL.search(text[:_OPENING_CHARACTERS]):
        broken.append("it refuses to answer")
    if rules.forbid_reasoning and _REASONING.search(text):
        broken.append("it shows the model's reasoning")
    return broken
