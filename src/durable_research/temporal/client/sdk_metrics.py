"""The metrics of Temporal's SDK: their units, buckets and labels, and the server on which the SDK prints them."""

import socket
from collections.abc import Mapping, Sequence

from temporalio.runtime import PrometheusConfig, Runtime, TelemetryConfig

from durable_research.temporal.client.sdk_logs import LOGGING

_TRIES = 5
_UP_TO_A_MINUTE = (0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 2.5, 5, 10, 30, 60)
_UP_TO_TWO_HOURS = (0.01, 0.05, 0.1, 0.2, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 600, 1800, 7200)
# The SDK's own buckets end below what an alert asks about: at a second for workflow tasks, at a minute for activities. Names as
# the SDK has them, without their unit. Source: temporalio 1.35.0, crates/common/src/telemetry/metrics.rs of its core.
BUCKETS: Mapping[str, Sequence[float]] = {
    "temporal_workflow_task_execution_latency": _UP_TO_A_MINUTE,
    "temporal_workflow_task_replay_latency": _UP_TO_A_MINUTE,
    "temporal_workflow_task_schedule_to_start_latency": _UP_TO_TWO_HOURS,
    "temporal_activity_schedule_to_start_latency": _UP_TO_TWO_HOURS,
    "temporal_activity_execution_latency": _UP_TO_TWO_HOURS,
    "temporal_activity_succeed_endtoend_latency": _UP_TO_TWO_HOURS,
    "temporal_local_activity_execution_latency": _UP_TO_A_MINUTE,
    "temporal_local_activity_succeed_endtoend_latency": _UP_TO_A_MINUTE,
    "temporal_request_latency": _UP_TO_A_MINUTE,
    "temporal_long_request_latency": (0.1, 0.5, 1, 5, 10, 30, 60, 70),  # a poll ends after a minute
    # A draft may wait for a person for a week.
    "temporal_workflow_endtoend_latency": (0.1, 0.5, 1, 5, 10, 30, 60, 120, 300, 600, 1800, 3600, 21600, 86400, 604800),
}


def runtime(address: str) -> Runtime:
    """A runtime that prints its metrics at this `host:port`, in seconds and with their units; one for a process.

    Raises:
        ValueError: another program has the address.
    """
    config = PrometheusConfig(
        bind_address=address,
        counters_total_suffix=True,
        unit_suffix=True,
        durations_as_seconds=True,
        histogram_bucket_overrides=BUCKETS,
    )
    # The server's own metrics have a label `service_name` too, with another meaning.
    return Runtime(telemetry=TelemetryConfig(logging=LOGGING, metrics=config, attach_service_name=False))


def runtime_on_loopback() -> tuple[Runtime, str]:
    """A runtime on a free port of the loopback address, and that address: the SDK does not say which port it took."""
    tries_left = _TRIES
    while True:
        tries_left -= 1
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            address = f"127.0.0.1:{probe.getsockname()[1]}"
        try:
            return runtime(address), address
        except ValueError:  # another program took it in between
            if not tries_left:
                raise
