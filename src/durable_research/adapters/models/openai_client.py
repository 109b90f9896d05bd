"""The common part of all adapters for OpenAI's APIs: the messages of a request, and the tags of a send."""

from durable_research.ports.vendors.models import ModelCall
from durable_research.ports.vendors.remote import FINGERPRINT_TAG, KEY_TAG, Shown, own_and_foreign
from durable_research.telemetry import logs


def messages(call: ModelCall) -> list[dict[str, str]]:
    """Make the messages after the instructions; they hold a cut text, for the model to continue."""
    prompt = [{"role": "user", "content": call.prompt}]
    if not call.so_far:
        return prompt
    continuation_prompt = {"role": "user", "content": call.continuation_prompt}
    return [*prompt, {"role": "assistant", "content": call.so_far}, continuation_prompt]


def tags(key: str, call: ModelCall) -> dict[str, str]:
    """Make the metadata that identifies the answer to this send."""
    return {KEY_TAG: key, FINGERPRINT_TAG: call.fingerprint}


def own_references(shown: list[Shown], key: str, fingerprint: str | None) -> list[str]:
    """List the references of our own sends; the others are skipped and logged."""
    own, foreign = own_and_foreign(shown, key, fingerprint)
    if foreign:
        logs.emit(logs.UNRELATED_ANSWER_SKIPPED, key=key, strays=len(foreign))
    return own
