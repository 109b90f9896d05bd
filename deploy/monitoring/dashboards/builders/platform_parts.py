"""What everything runs on: processes, the API's port, and, where Kubernetes runs them, its objects and the database."""

from deploy.monitoring.dashboards.builders.panels import WINDOW, Board, Panel, Query, Unit, quantiles, rate
from durable_research.monitoring.jobs import JOBS
from durable_research.monitoring.rules import ratio

_PROCESSES = f'{{job=~"{"|".join(JOBS)}"}}'
_REQUESTS = "durable_research_http_requests_total"
_KUBERNETES, _CERTIFICATES, _POSTGRES = "kube-state-metrics", "cert-manager", "postgres_exporter"

_OURS = (
    Panel(
        "Processes that answer", Unit.NUMBER, "Processes that Prometheus can scrape, by job.",
        (Query(f"sum by (job) (up{_PROCESSES})", "{{job}}"),), "TargetDown",
    ),
    Panel(
        "Age of processes", Unit.SECONDS, "Since its start; a fall is a restart.",
        (Query(f"time() - max by (instance) (process_start_time_seconds{_PROCESSES})", "{{instance}}"),), "TargetDown",
    ),
    Panel(
        "Processor", Unit.NUMBER, "Processors in use by each process.",
        (Query(rate("process_cpu_seconds_total", "instance", _PROCESSES), "{{instance}}"),),
    ),
    Panel(
        "Memory", Unit.BYTES, "Resident memory of each process.",
        (Query(f"max by (instance) (process_resident_memory_bytes{_PROCESSES})", "{{instance}}"),),
    ),
    Panel(
        "Open files", Unit.SHARE, "Of those that the process may open.",
        (Query(f"max by (instance) (process_open_fds{_PROCESSES} / process_max_fds{_PROCESSES})", "{{instance}}"),),
    ),
    Panel(
        "What the metrics can see", Unit.NUMBER, "1 where it could be read; at 0 other panels may be wrong.",
        (
            Query("min(durable_research_backlog_read_up)", "database"),
            Query("min(durable_research_queue_read_up)", "task queues"),
            Query("min by (instance) (durable_research_sdk_metrics_up)", "SDK of {{instance}}"),
        ),
        "MetricsMissing",
    ),
    Panel(
        "Requests", Unit.REQUESTS, "Requests that the API answered, by status.",
        (Query(rate(_REQUESTS, "status"), "{{status}}"),), "ApiErrorRatioHigh",
    ),
    Panel(
        "Share of server errors", Unit.SHARE, "Of the API's answers.",
        (
            Query(
                ratio(f'sum(rate({_REQUESTS}{{status=~"5.."}}[{WINDOW}]))', f"sum(rate({_REQUESTS}[{WINDOW}]))"), "errors"
            ),
        ),
        "ApiErrorRatioHigh",
    ),
    Panel(
        "Duration of requests", Unit.SECONDS, "p95 by route, to the head of the answer.",
        quantiles("durable_research_http_request_duration_seconds", "route", (0.95,)), "ApiNotReady",
    ),
    Panel(
        "Streams of events", Unit.NUMBER, "Streams that are open now (SSE).",
        (Query("sum(durable_research_event_streams)", "streams"),), "ApiNotReady",
    ),
    Panel(
        "Objects collected", Unit.NUMBER, "Stored objects that no row named and that were removed within the window.",
        (Query(f"sum(increase(durable_research_objects_collected_total[{WINDOW}]))", "objects"),),
    ),
)  # fmt: skip
_OTHERS = (
    Panel(
        "Pods that are missing", Unit.NUMBER, "Wanted and not available, by deployment.",
        (
            Query(
                "sum by (namespace, deployment) (kube_deployment_spec_replicas - kube_deployment_status_replicas_available)",
                "{{namespace}} {{deployment}}",
            ),
        ),
        "TargetDown", _KUBERNETES,
    ),
    Panel(
        "Restarts of containers", Unit.NUMBER, "Within the window, by pod.",
        (
            Query(
                f"sum by (namespace, pod) (increase(kube_pod_container_status_restarts_total[{WINDOW}]))",
                "{{namespace}} {{pod}}",
            ),
        ),
        "TargetDown", _KUBERNETES,
    ),
    Panel(
        "Room to scale", Unit.SHARE, "Replicas of those that the autoscaler may start; at 100 % it cannot help any more.",
        (
            Query(
                "kube_horizontalpodautoscaler_status_current_replicas / kube_horizontalpodautoscaler_spec_max_replicas",
                "{{horizontalpodautoscaler}}",
            ),
        ),
        "TaskQueueBacklog", _KUBERNETES,
    ),
    Panel(
        "Certificates expire in", Unit.SECONDS, "By certificate.",
        (
            Query(
                "min by (namespace, name) (certmanager_certificate_expiration_timestamp_seconds) - time()",
                "{{namespace}} {{name}}",
            ),
        ),
        "", _CERTIFICATES,
    ),
    Panel(
        "Connections of PostgreSQL", Unit.NUMBER, "By database and state.",
        (Query("sum by (datname, state) (pg_stat_activity_count)", "{{datname}} {{state}}"),), "ApiNotReady", _POSTGRES,
    ),
    Panel(
        "Lag of PostgreSQL's replica", Unit.SECONDS, "How far it is behind.",
        (Query("max by (instance) (pg_replication_lag_seconds)", "{{instance}}"),), "", _POSTGRES,
    ),
)  # fmt: skip

PLATFORM = Board("platform", "Platform", "Processes, the API's port, Kubernetes and the database.", (*_OURS, *_OTHERS))
