"""What every adapter for a server that speaks OpenAI's APIs shares: the client, its patience, and how a question is laid out.

Source: the installed SDK's `_client.py`, version 3.54, read 2026-11-21.
"""

import openai
from openai import AsyncOpenAI

from durable_research.ports.models import ModelCall

CONNECT_SECONDS = 5.0
# One short question about something that exists already.
ASK_SECONDS = 10.0


def open_client(base_url: str, api_key: str, answer_seconds: float | None) -> AsyncOpenAI:
    """A client that retries nothing, because Temporal does; None lets the step's own deadline bound an answer."""
    timeout = openai.Timeout(answer_seconds, connect=CONNECT_SECONDS, read=None)
    return AsyncOpenAI(base_url=base_url, api_key=api_key, max_retries=0, timeout=timeout)


def messages(call: ModelCall) -> list[dict[str, str]]:
    """What the model reads after its instructions; a text that was cut is shown to it, to be gone on with."""
    asked = [{"role": "user", "content": call.prompt}]
    if not call.so_far:
        return asked
    go_on = {"role": "user", "content": call.go_on}
    return [*asked, {"role": "assistant", "content": call.so_far}, go_on]
