"""What every adapter for a server that speaks OpenAI's APIs shares: how a question is laid out, and how a send is tagged."""

from durable_research.ports.vendors.models import ModelCall
from durable_research.ports.vendors.remote import FINGERPRINT_TAG, KEY_TAG, Shown, ours_among
from durable_research.telemetry import logs


def messages(call: ModelCall) -> list[dict[str, str]]:
    """What the model reads after its instructions; a text that was cut is shown to it, to be gone on with."""
    asked = [{"role": "user", "content": call.prompt}]
    if not call.so_far:
        return asked
    go_on = {"role": "user", "content": call.go_on}
    return [*asked, {"role": "assistant", "content": call.so_far}, go_on]


def tags(key: str, call: ModelCall) -> dict[str, str]:
    """The metadata by which an answer is told to be ours."""
    return {KEY_TAG: key, FINGERPRINT_TAG: call.fingerprint}


def believed(shown: list[Shown], key: str, fingerprint: str | None) -> list[str]:
    """Those that are ours; the others are passed over and logged."""
    ours, strays = ours_among(shown, key, fingerprint)
    if strays:
        logs.get_logger().warning(logs.STRAY_SHOWN, key=key, strays=len(strays))
    return ours
