"""Our own metrics, beside those of the SDK (`temporal_...`).

Counters are the SDK's: one in workflow code does not count a replay, and all of them end in `_total` at the endpoint, as
Prometheus and OpenMetrics require.
"""

WORKFLOWS_COMPLETED = "ai_workflows_completed"
ACTIVITIES_EXECUTED = "ai_activities_executed"
METRICS = {
    WORKFLOWS_COMPLETED: "Workflows that reached their end with a result.",
    ACTIVITIES_EXECUTED: "Attempts of steps that succeeded, by activity.",
}
