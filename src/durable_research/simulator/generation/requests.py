"""The requests of clients: the fields of OpenAI's requests that the simulator reads; unknown ones are ignored."""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field


def _metadata(value: dict[str, str]) -> dict[str, str]:
    if len(value) > 16 or any(len(key) > 64 or len(text) > 512 for key, text in value.items()):
        raise ValueError("Invalid 'metadata': at most 16 pairs, keys of 64 and values of 512 characters.")
    return value


Metadata = Annotated[dict[str, str], AfterValidator(_metadata)]
Temperature = Annotated[float, Field(ge=0, le=2)]
Share = Annotated[float, Field(ge=0, le=1)]


class _Request(BaseModel):
    model_config = ConfigDict(frozen=True, strict=True, allow_inf_nan=False)

    @property
    def provided_fields(self) -> frozenset[str]:
        """The request's fields that have a value."""
        return frozenset(name for name in self.model_fields_set if getattr(self, name) is not None)


class Part(_Request):
    """A part of a message; the simulator reads only its text."""

    type: str
    text: str | None = None


class Message(_Request):
    """A message of either API; input items of other kinds have neither role nor content."""

    role: str | None = None
    content: str | list[Part] | None = None

    @property
    def text(self) -> str:
        if self.content is None or isinstance(self.content, str):
            return self.content or ""
        return "\n".join(part.text for part in self.content if part.text)


def user_part(messages: list[Message]) -> str:
    """All text of the user: the billing log stores it, and faults are matched against it."""
    return "\n\n".join(message.text for message in messages if message.role == "user")


def system_prompt(messages: list[Message]) -> str:
    """All text of system and developer messages."""
    return "\n\n".join(message.text for message in messages if message.role in ("system", "developer"))


class ConversationRef(_Request):
    """The other way to name a conversation."""

    id: str


class ResponseRequest(_Request):
    """POST /v1/responses."""

    model: str
    input: str | Annotated[list[Message], Field(min_length=1)]
    instructions: str | None = None
    background: bool | None = None
    store: bool | None = None
    stream: bool | None = None
    metadata: Metadata | None = None
    conversation: str | ConversationRef | None = None
    previous_response_id: str | None = None
    max_output_tokens: Annotated[int, Field(ge=16)] | None = None
    temperature: Temperature | None = None
    top_p: Share | None = None
    user: str | None = None

    @property
    def messages(self) -> list[Message]:
        return [] if isinstance(self.input, str) else self.input

    @property
    def prompt(self) -> str:
        return self.input if isinstance(self.input, str) else user_part(self.input)

    @property
    def system_prompt(self) -> str:
        in_messages = system_prompt(self.messages)
        return "\n\n".join(part for part in (self.instructions, in_messages) if part)

    @property
    def conversation_id(self) -> str | None:
        return self.conversation.id if isinstance(self.conversation, ConversationRef) else self.conversation


class StreamOptions(_Request):
    """Options for data that a chat stream sends besides the text."""

    include_usage: bool | None = None


class ChatMessage(Message):
    """A chat message; its role is required."""

    role: Literal["system", "developer", "user", "assistant", "tool", "function"]


class ChatRequest(_Request):
    """POST /v1/chat/completions."""

    model: str
    messages: Annotated[list[ChatMessage], Field(min_length=1)]
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    store: bool | None = None
    metadata: Metadata | None = None
    max_tokens: Annotated[int, Field(ge=1)] | None = None
    max_completion_tokens: Annotated[int, Field(ge=1)] | None = None
    temperature: Temperature | None = None
    top_p: Share | None = None
    user: str | None = None

    @property
    def prompt(self) -> str:
        return user_part(list(self.messages))

    @property
    def system_prompt(self) -> str:
        return system_prompt(list(self.messages))


class ConversationRequest(_Request):
    """POST /v1/conversations."""

    items: list[Message] | None = None
    metadata: Metadata | None = None


class ItemsRequest(_Request):
    """POST /v1/conversations/{id}/items; the limit is OpenAI's."""

    items: Annotated[list[Message], Field(min_length=1, max_length=20)]


_Text = Annotated[str, Field(min_length=1)]


class EmbeddingRequest(_Request):
    """POST /v1/embeddings."""

    model: str
    input: (
        _Text
        | Annotated[list[_Text], Field(min_length=1, max_length=2048)]
        | Annotated[list[int], Field(min_length=1)]
        | Annotated[list[list[int]], Field(min_length=1, max_length=2048)]
    )
    dimensions: Annotated[int, Field(ge=1, le=4096)] | None = None
    encoding_format: Literal["float", "base64"] | None = None
    metadata: Metadata | None = None
    user: str | None = None

    @property
    def texts(self) -> list[str]:
        if isinstance(self.input, str):
            return [self.input]
        if isinstance(self.input[0], int):
            return [_as_text(self.input)]
        return [one if isinstance(one, str) else _as_text(one) for one in self.input]


def _as_text(token_ids: Any) -> str:
    return " ".join(str(one) for one in token_ids)
