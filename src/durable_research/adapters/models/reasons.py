"""Why an answer ended: the reasons that we know, whoever says them. One that is on no list ends the step for good.

Servers that speak OpenAI's API pass on the words of what stands behind them, so the lists hold theirs too, in small letters.
Each name has its source, read 2026-11-28. `tool_calls`, `function_call`, `tool_use` and `pause_turn` are on no list on
purpose: we offer no tools, so a text that ends with one is no finished answer, and nobody could say what is missing.
"""

from enum import Enum

WHOLE = frozenset(
    {
        "stop",  # OpenAI, chat completion object; Google writes STOP
        "completed",  # OpenAI, response object, as its status
        "end_turn",  # Anthropic, Messages, stop_reason
        "stop_sequence",  # the same; Cohere and Hugging Face TGI too
        "complete",  # Cohere, chat v2
        "eos",  # Together AI, chat completions
        "eos_token",  # Hugging Face TGI; watsonx
        "finish",  # Amazon Titan Text, completionReason
        "finished",  # the same, older
        "endoftext",  # AI21 Jurassic, finishReason
    }
)
CUT = frozenset(
    {
        "length",  # OpenAI, chat completion object
        "max_output_tokens",  # OpenAI, response object, incomplete_details
        "incomplete",  # OpenAI, response object, its status where no reason stands beside it
        "max_tokens",  # Anthropic; Google writes MAX_TOKENS; Cohere, watsonx
        "model_context_window_exceeded",  # Anthropic, newer models; Amazon Bedrock
        "model_length",  # Mistral, chat completions
        "token_limit",  # watsonx, text generation
    }
)
DECLINED = frozenset(
    {
        "content_filter",  # OpenAI, both objects; Azure
        "refusal",  # Anthropic, Messages
        "content_filtered",  # Amazon Bedrock, Converse
        "guardrail_intervened",  # the same
        "safety",  # Google, FinishReason, as the next four
        "recitation",
        "blocklist",
        "prohibited_content",
        "spii",
        "sensitive",  # Zhipu GLM, chat completions
        "error_toxic",  # Cohere, chat v1
    }
)
# The server says that it broke the answer off: a reason with "error" in it, and these.
BROKEN = frozenset(
    {
        "error",  # OpenRouter, Mistral, Cohere, watsonx
        "network_error",  # Zhipu GLM
        "timeout",  # Cohere, chat v2
        "time_limit",  # watsonx
        "abort",  # vLLM and SGLang: the request was dropped there
        "cancelled",  # watsonx
        "insufficient_system_resource",  # DeepSeek, chat completions
    }
)
# Said amid a stream by servers that cannot leave the field out (DashScope writes the word "null").
_NONE = frozenset({"", "null", "none", "not_finished", "finish_reason_unspecified"})


class Ending(Enum):
    """What a reason means."""

    WHOLE = "whole"
    CUT = "cut"
    DECLINED = "declined"
    BROKEN = "broken"
    UNKNOWN = "unknown"


def as_reason(value: object) -> str | None:
    """The reason in whatever a server puts there; None where it says nothing."""
    if isinstance(value, dict):
        value = next((value[name] for name in ("type", "reason", "name") if value.get(name)), None)
    if isinstance(value, list):
        value = value[0] if len(value) == 1 else None
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str) or value.strip().lower() in _NONE:
        return None
    return value.strip()


def ending_of(reason: str) -> Ending:
    """What this reason means."""
    name = reason.lower().removeprefix("finish_reason_")
    for names, ending in ((WHOLE, Ending.WHOLE), (CUT, Ending.CUT), (DECLINED, Ending.DECLINED)):
        if name in names:
            return ending
    return Ending.BROKEN if name in BROKEN or "error" in name else Ending.UNKNOWN
