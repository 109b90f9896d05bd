"""The common part of all adapters for OpenAI's APIs: the messages of a request, and the tags of a send."""

from durable_research.ports.vendors.models import ModelCall
from durable_research.ports.vendors.remote import FINGERPRINT_TAG, KEY_TAG, Shown, ours_among
from durable_research.telemetry import logs


def messages(call: ModelCall) -> list[dict[str, str]]:
    """Make the messages after the instructions; they hold a cut text, for the model to continue."""
    asked = [{"role": "user", "content": call.prompt}]
    if not call.so_far:
        return asked
    go_on = {"role": "user", "content": call.go_on}
    return [*asked, {"role": "assistant", "content": call.so_far}, go_on]


def tags(key: str, call: ModelCall) -> dict[str, str]:
    """Make the metadata that marks an answer as ours."""
    return {KEY_TAG: key, FINGERPRINT_TAG: call.fingerprint}


def believed(shown: list[Shown], key: str, fingerprint: str | None) -> list[str]:
    """List the references that are ours; the others are skipped and logged."""
    ours, strays = ours_among(shown, key, fingerprint)
    if strays:
        logs.get_logger().warning(logs.UNRELATED_ANSWER_SKIPPED, key=key, strays=len(strays))
    return ours
