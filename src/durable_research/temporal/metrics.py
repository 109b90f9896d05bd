"""What we count ourselves, beside the SDK's own metrics (`temporal_...`), and where a worker shows both.

Counters are the SDK's: one in workflow code does not count a replay, and all of them end in `_total` at the endpoint, as
Prometheus and OpenMetrics want it.
"""

from temporalio.runtime import PrometheusConfig, Runtime, TelemetryConfig

WORKFLOWS_COMPLETED = "ai_workflows_completed"
ACTIVITIES_EXECUTED = "ai_activities_executed"
METRICS = {
    WORKFLOWS_COMPLETED: "Workflows that reached their end with a result.",
    ACTIVITIES_EXECUTED: "Attempts of steps that succeeded, by activity.",
}


def runtime(address: str) -> Runtime:
    """A runtime that answers Prometheus at this `host:port`; one for a process."""
    config = PrometheusConfig(bind_address=address, counters_total_suffix=True)
    return Runtime(telemetry=TelemetryConfig(metrics=config))
