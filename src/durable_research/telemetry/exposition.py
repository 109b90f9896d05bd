"""The text of /metrics: our registry's, followed by that of Temporal's SDK, which has a server of its own on loopback."""

import re
from http.client import HTTPConnection, HTTPException

from durable_research.telemetry.metrics import METRICS, SDK_METRICS_UP
from durable_research.telemetry.registry import Registry

# Below the usual scrape timeout of 10 s: ours must be served though the SDK does not answer.
_SDK_SECONDS = 3.0
_FAMILY = re.compile(rb"^# TYPE (\w+) ", re.MULTILINE)


class NameClash(Exception):
    """Our registry and the SDK would both print a metric of this name: a mistake in the table."""


class Exposition:
    """Makes the text; `sdk_address` is the host:port of the SDK's own server, in a worker."""

    def __init__(self, registry: Registry, sdk_address: str | None = None) -> None:
        self._registry = registry
        self._sdk_address = sdk_address

    def __call__(self) -> bytes:
        """The whole text; when the SDK's part is missing, ours says so."""
        if self._sdk_address is None:
            return self._registry.text()
        sdk = self._of_sdk(self._sdk_address)
        self._registry.set(SDK_METRICS_UP, sdk is not None)
        return self._registry.text() + (sdk or b"")

    def check_names(self) -> None:
        """Refuse to start where a name would be printed twice.

        Raises:
            NameClash: the names, which the table must change.
        """
        own = self._registry.text()
        sdk = self._of_sdk(self._sdk_address) if self._sdk_address else None
        if clashes := sorted(families(own) & (families(sdk or b"") | _made_by_the_sdk())):
            raise NameClash(f"both our registry and Temporal's SDK print {', '.join(clashes)}; rename ours")

    @staticmethod
    def _of_sdk(address: str) -> bytes | None:
        host, _, port = address.rpartition(":")
        connection = HTTPConnection(host, int(port), timeout=_SDK_SECONDS)
        try:
            connection.request("GET", "/metrics")
            answer = connection.getresponse()
            body = answer.read()
        except (OSError, HTTPException):
            return None
        finally:
            connection.close()
        return body if answer.status == 200 else None


def families(text: bytes) -> set[str]:
    """The names of all metrics in a text."""
    return {name.decode() for name in _FAMILY.findall(text)}


def _made_by_the_sdk() -> set[str]:
    """Our counters that the SDK prints once they have counted."""
    return {metric.name for metric in METRICS if metric.of_sdk}
