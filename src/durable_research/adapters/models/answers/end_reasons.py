"""The known finish reasons of all providers. A reason that is on no list is a permanent failure of the step.

Servers with OpenAI's API pass on the reasons of the providers behind them, so the lists hold these too, in small letters.
Beside each name: the file or page in which it was read on 2026-11-28. `tool_calls`, `function_call` (OpenAI), `tool_use` and
`pause_turn` (Anthropic) are on no list on purpose: we offer no tools, so a text that ends with one is no finished answer, and
the missing part is unknown.

- OpenAI: SDK for Python 3.54, `types/chat/chat_completion.py`, `types/responses/response.py` and `response_status.py`
- Anthropic: anthropics/anthropic-sdk-python, `types/stop_reason.py`; Google: googleapis/python-genai, `types.py`, FinishReason
- Bedrock: boto/botocore, `data/bedrock-runtime`, StopReason; Titan, Amazon's: the page "Amazon Titan Text models"
- Cohere: cohere-ai/cohere-python, `types/chat_finish_reason.py` (v2) and `types/finish_reason.py` (v1)
- Mistral: mistralai/client-python, `chatcompletionchoice.py`; Together: togethercomputer/together-python, `types/common.py`
- TGI: huggingface/text-generation-inference, `docs/openapi.json`; watsonx: IBM's SDK for Node, the page "TextGenResult"
- LiteLLM: BerriAI/litellm, `core_helpers.py`, which maps the reasons of other providers and names them
"""

from enum import Enum

WHOLE = frozenset(
    {
        "stop",  # OpenAI; Google writes STOP
        "completed",  # OpenAI, a response's status
        "end_turn",  # Anthropic, Bedrock
        "stop_sequence",  # Anthropic, Bedrock, Cohere, TGI, watsonx
        "complete",  # Cohere
        "eos",  # Together
        "eos_token",  # TGI, watsonx
        "finish",  # Titan: run-llama/llama_index, `test_bedrock.py`
        "finished",  # Titan
        "endoftext",  # AI21 Jurassic: epam/ai-dial-adapter-bedrock, `ai21.py`
    }
)
CUT = frozenset(
    {
        "length",  # OpenAI
        "max_output_tokens",  # OpenAI, a response's incomplete_details
        "incomplete",  # OpenAI, a response's status without a reason
        "max_tokens",  # Anthropic, Bedrock, Cohere, watsonx; Google writes MAX_TOKENS
        "model_context_window_exceeded",  # Anthropic, Bedrock
        "model_length",  # Mistral
        "token_limit",  # watsonx
    }
)
DECLINED = frozenset(
    {
        "content_filter",  # OpenAI, of both
        "refusal",  # Anthropic
        "content_filtered",  # Bedrock
        "guardrail_intervened",  # Bedrock
        "safety",  # Google, as the next four
        "recitation",
        "blocklist",
        "prohibited_content",
        "spii",
        "sensitive",  # Zhipu GLM: LiteLLM
        "error_toxic",  # Cohere, v1
    }
)
# The server reports that it broke off the answer: a reason with "error" in it, and these.
BROKEN = frozenset(
    {
        "error",  # Mistral, Cohere, Together, watsonx; OpenRouter: LiteLLM
        "network_error",  # Zhipu GLM: LiteLLM
        "timeout",  # Cohere
        "time_limit",  # watsonx
        "abort",  # vllm-project/vllm, `v1/engine/__init__.py`; sgl-project/sglang, `schedule_batch.py`
        "cancelled",  # watsonx
        "insufficient_system_resource",  # DeepSeek: the crate ds-api 0.10.7, `finish_reason.rs`
    }
)
# Sent within a stream by servers that cannot omit the field: "" by Together, the word "null" by DashScope
# (dashscope/dashscope-sdk-python, `message_utils.py`), "none" by Xinference and octet.chat (an early README
# of each), then watsonx and Google.
_NONE = frozenset({"", "null", "none", "not_finished", "finish_reason_unspecified"})


class Ending(Enum):
    """The meaning of a finish reason."""

    WHOLE = "whole"
    CUT = "cut"
    DECLINED = "declined"
    BROKEN = "broken"
    UNKNOWN = "unknown"


def as_reason(value: object) -> str | None:
    """Read the reason from a server's value of any type; None where it gives none."""
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
    """Map a reason to its meaning."""
    name = reason.lower().removeprefix("finish_reason_")
    for names, ending in ((WHOLE, Ending.WHOLE), (CUT, Ending.CUT), (DECLINED, Ending.DECLINED)):
        if name in names:
            return ending
    return Ending.BROKEN if name in BROKEN or "error" in name else Ending.UNKNOWN
