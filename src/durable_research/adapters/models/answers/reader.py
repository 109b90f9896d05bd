"""One tolerant reader for every provider's answer: chat completions and Responses, streamed or whole.

It reads JSON values one by one and trusts none of them: fields other than the text may be missing or of any type, without the
loss of an answer that came whole. Only the words of errors are the provider's; their meaning is in `outcomes`.
"""

from dataclasses import dataclass, field
from typing import Any

from durable_research.adapters.models.answers.choice import REAL_ENDS, Choice
from durable_research.adapters.models.answers.end_reasons import Ending, as_reason, ending_of
from durable_research.adapters.models.http.error_bodies import Complaint, complaint_of, is_complaint, shown
from durable_research.adapters.models.http.outcomes import is_refusal
from durable_research.adapters.models.json.events import Mark, Piece
from durable_research.adapters.models.json.untyped import (
    as_dict,
    as_list,
    as_name,
    count_of,
    has_counts,
    has_reasoning_text,
    is_reasoning,
    text_of,
    tokens_of,
)
from durable_research.domain.documents.text import has_visible_text
from durable_research.domain.errors import Ambiguous
from durable_research.domain.model_errors import (
    AnswerBroken,
    EmptyOutput,
    GenerationFailed,
    ModelDeclined,
    ModelForgotten,
    ModelStopped,
    OnlyReasoning,
)
from durable_research.ports.vendors.models import ModelAnswer

_ENDS = frozenset({"completed", "incomplete", "failed", "cancelled"})
_RUNNING = frozenset({"queued", "in_progress"})
_GONE = frozenset({"cancelled", "canceled", "expired"})


@dataclass
class Reading:
    """The answer received so far. `requested_model` and `input_text` replace a missing model name or token count."""

    requested_model: str
    input_text: str
    api_key: str = ""
    reference: str = ""
    model: str = ""
    usage: Any = None
    status: str | None = None  # of a response
    error: Any = None
    is_begun: bool = False
    is_done: bool = False
    is_whole_body: bool = False
    has_reasoning: bool = False
    is_damaged: bool = False
    _choices: dict[int, Choice] = field(default_factory=dict)

    @property
    def choice(self) -> Choice:
        """Return the first choice; a response is read as the only one."""
        return self._choices.get(0) or (self._choices[min(self._choices)] if self._choices else Choice())

    @property
    def text(self) -> str:
        return self.choice.text

    @property
    def growing(self) -> str:
        """Return the text as far as it can be shown."""
        return self.choice.content.text

    @property
    def has_ended(self) -> bool:
        """Whether the answer's end was received, so that no later fault can lose it."""
        return self.choice.has_a_real_end or (self.is_done and self.error is None and not self.is_damaged)

    @property
    def is_final(self) -> bool:
        """The same, or the provider's report of a failure or a cancellation: no poll is needed after it."""
        return self.has_ended or self.choice.reason is not None or self.status in _ENDS

    @property
    def is_named(self) -> bool:
        """Whether the answer has begun, with or without an id."""
        return bool(self.reference or self._choices or self.is_done)

    @property
    def is_refused(self) -> bool:
        """Whether an error came instead of an answer."""
        return self.error is not None and not self.is_begun

    @property
    def is_over(self) -> bool:
        """Whether nothing useful can follow."""
        return self.is_done or (self.error is not None and not self.choice.has_a_real_end) or self.status in _ENDS

    @property
    def is_running(self) -> bool:
        """Whether the last status was that the response is still being written."""
        return self.status in _RUNNING

    def feed(self, piece: Piece) -> None:
        """Process the next value of a body."""
        value = piece.value
        if value is Mark.DONE:
            self.is_done = True
        elif value is Mark.DAMAGED:
            self.is_damaged = self.is_damaged or not self.has_ended
        elif isinstance(value, list):
            for one in value:
                if isinstance(one, dict):
                    self._read_object(one, piece.name)
        elif isinstance(value, dict):
            self._read_object(value, piece.name)
        elif piece.name == "error" and not self.has_ended:
            self.error = self.error or value or "error"

    def _read_object(self, value: dict[str, Any], name: str) -> None:
        kind = as_name(value.get("type")) or name
        if kind.startswith("response."):
            self._read_event(kind, value)
        elif value.get("object") == "response" or ("output" in value and "choices" not in value):
            self._read_response(value)
        else:
            self._read_chunk(value)
        is_error = kind == "error" or value.get("object") == "error" or value.get("error")
        is_error = is_error or (self.is_whole_body and not self.is_begun and is_complaint(value))
        if is_error and not self.has_ended:
            self.error = self.error or value

    def _read_chunk(self, chunk: dict[str, Any]) -> None:
        """Process a chunk of a chat completion, or a whole one."""
        choices = [one for one in as_list(chunk.get("choices")) if isinstance(one, dict)]
        is_named = "choices" in chunk and (choices or not chunk.get("error"))
        self.reference = self.reference or (as_name(chunk.get("id")) if is_named else "")
        self.is_begun = self.is_begun or bool(self.reference or choices)
        self._read_facts(chunk)
        for place, choice in enumerate(choices):
            self._read_choice(choice, place)

    def _read_choice(self, choice: dict[str, Any], place: int) -> None:
        index = as_name(choice.get("index"))
        target = self._choices.setdefault(int(index) if index.isdecimal() and len(index) < 9 else place, Choice())
        delta, message = as_dict(choice.get("delta")), as_dict(choice.get("message"))
        piece = text_of(choice["delta"]) if isinstance(choice.get("delta"), str) else text_of(delta.get("content"))
        target.content.add(piece or text_of(choice.get("text")))
        target.message = text_of(message.get("content")) or target.message
        for source in (delta, message):
            target.refusal += source["refusal"] if isinstance(source.get("refusal"), str) else ""
            self.has_reasoning = self.has_reasoning or has_reasoning_text(source)
        reason = as_reason(choice.get("finish_reason"))
        # After a real end no later reason can replace it.
        if reason and not (target.has_a_real_end and ending_of(reason) not in REAL_ENDS):
            target.reason = reason
        if choice.get("error") and not target.reason:
            self.error = self.error or choice["error"]

    def _read_event(self, kind: str, event: dict[str, Any]) -> None:
        """Process an event of a streamed response."""
        response = as_dict(event.get("response"))
        self.reference = self.reference or as_name(response.get("id")) or as_name(event.get("response_id"))
        self.is_begun = True
        only = self._choices.setdefault(0, Choice())
        if kind == "response.output_text.delta":
            only.content.add(text_of(event.get("delta")))
        elif kind == "response.refusal.delta":
            only.refusal += text_of(event.get("delta"))
        elif kind in {"response.output_item.done", "response.output_text.done"}:
            self._read_output(
                [event.get("item") or {"type": "message", "content": event.get("text")}], only, is_part=True
            )
        elif kind.startswith("response.reasoning"):
            self.has_reasoning = True
        ended = kind.removeprefix("response.")
        if response or ended in _ENDS:
            self._read_response({**response, "status": ended} if ended in _ENDS else response)

    def _read_response(self, response: dict[str, Any]) -> None:
        """Process a response in its current state: whole, failed, or still running."""
        self.reference = self.reference or as_name(response.get("id"))
        self.is_begun = True
        self._read_facts(response)
        only = self._choices.setdefault(0, Choice())
        status = as_name(response.get("status")).lower()
        self.status = status or self.status
        self._read_output(as_list(response.get("output")), only, is_part=False)
        only.message = only.message or text_of(response.get("output_text"))
        details = response.get("incomplete_details")
        if status == "incomplete":
            only.reason = as_reason(details) or "incomplete"
        elif status == "completed":
            only.reason = "completed"
        elif status in {"failed", ""} and response.get("error"):
            self.error = self.error or response["error"]

    def _read_output(self, items: list[Any], only: Choice, *, is_part: bool) -> None:
        texts = []
        for item in items:
            self.has_reasoning = self.has_reasoning or is_reasoning(item)
            if (as_name(as_dict(item).get("type")) or "message") not in {"message", "output_text"}:
                continue
            for part in as_list(as_dict(item).get("content")) or [as_dict(item).get("content")]:
                refusal = as_dict(part).get("refusal")
                only.refusal += refusal if isinstance(refusal, str) and refusal not in only.refusal else ""
                texts.append(text_of(part))
        text = "".join(texts)
        if text and not (is_part and text in only.message):
            only.message = only.message + text if is_part else text

    def _read_facts(self, value: dict[str, Any]) -> None:
        self.model = as_name(value.get("model")) or self.model
        usage = value.get("usage")
        if usage and (has_counts(usage) or not has_counts(self.usage)):
            self.usage = usage
        details = as_dict(
            as_dict(usage).get("completion_tokens_details") or as_dict(usage).get("output_tokens_details")
        )
        self.has_reasoning = self.has_reasoning or count_of(details.get("reasoning_tokens")) > 0

    def answer(self, reference: str) -> ModelAnswer:
        """Return the answer after the end of the body.

        Raises:
            ModelError, Ambiguous: it is no answer, or neither whole nor cut at the length limit.
        """
        choice, text = self.choice, self.text
        ending = self._ending()
        if choice.refusal.strip() and not has_visible_text(text):
            raise ModelDeclined("the model declines to answer this")
        if ending is Ending.DECLINED:
            raise ModelDeclined("the provider's content filter stopped the answer")
        if ending is Ending.UNKNOWN:
            raise ModelStopped(
                f"the answer ended for a reason that is not known ({self._error_words(choice.reason)})", text=text
            )
        if not has_visible_text(text):
            if ending is Ending.CUT:
                raise OnlyReasoning(
                    "the model came to its longest answer before it wrote a word"
                    + (": all of it went into reasoning" if self.has_reasoning else "")
                )
            raise EmptyOutput("the model answered with no text")
        usage = tokens_of(self.usage, self.input_text, text)
        return ModelAnswer(text, self.model or self.requested_model, usage, reference, ending is Ending.WHOLE)

    def _ending(self) -> Ending:
        """Classify the answer's end.

        Raises:
            GenerationFailed, ModelForgotten, AnswerBroken, Ambiguous: the answer was broken off.
        """
        reason = self.choice.reason
        if self.status in _GONE:
            raise ModelForgotten("the call was cancelled at the provider")
        if self.status == "failed":
            raise self._failed()
        if self.error is not None and not self.choice.has_a_real_end:
            raise AnswerBroken(f"the provider broke the answer off: {self._error_words(self.error)}")
        if self.is_damaged and not self.is_whole_body:
            raise AnswerBroken("a part of the answer cannot be read")
        if reason:
            ending = ending_of(reason)
            if ending is Ending.BROKEN:
                raise AnswerBroken(f"the provider broke the answer off ({self._error_words(reason)})")
            return ending
        if self.is_done or (self.is_whole_body and not self.is_running):
            return Ending.WHOLE
        raise Ambiguous("the stream was cut before the answer was whole")

    def _failed(self) -> GenerationFailed:
        failed = GenerationFailed(
            f"the generation ended without an answer ({self._error_words(self.error) or 'failed'})"
        )
        failed.permanent = is_refusal(_complaint_in(self.error))
        return failed

    def _error_words(self, error: Any) -> str:
        complaint = complaint_of(error)
        return shown(complaint.message or ", ".join(sorted(complaint.names)), self.api_key, self.input_text)[:100]


def _complaint_in(error: Any) -> Complaint:
    return complaint_of(error if isinstance(error, (dict, str)) else str(error or ""))
