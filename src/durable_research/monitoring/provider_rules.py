"""Rules about what lies outside: the model's provider, and sends that may be paid for."""

from durable_research.monitoring.rules import Alert, Group, Severity, events

_REFUSED = 'durable_research_attempts_ended_total{outcome="failed",code=~"model_refused|quota_exhausted"}'

# A call may write for half an hour (CALL_DEADLINES), and its send is open as long; later nobody waits for its answer.
_LONGER_THAN_ANY_CALL = "$2700s"

PROVIDERS = Group(
    "providers",
    (
        Alert(
            "ProviderRefusing", Severity.PAGE, "0m",
            "The model's provider refuses our calls: {{ $labels.code }}, {{ $value | humanize }} steps.",
            f"{events(_REFUSED, '30m', 'code')} >= 3",
        ),
        Alert(
            "ProviderBusyOrAway", Severity.TICKET, "1m",
            "A workflow waits for its provider since {{ $value | humanizeDuration }}: {{ $labels.code }}.",
            "max by (code) (durable_research_provider_waiting_oldest_age_seconds) > $900s",
        ),
        Alert(
            "SendsUnresolved", Severity.PAGE, "1m",
            "The outcome of a send ({{ $labels.kind }}) is unknown since {{ $value | humanizeDuration }}.",
            f"max by (kind) (durable_research_sends_unresolved_oldest_age_seconds) > {_LONGER_THAN_ANY_CALL}\n"
            "and sum by (kind) (durable_research_sends_unresolved) > 0",
        ),
        Alert(
            "LateDuplicates", Severity.TICKET, "0m",
            "{{ $value | humanize }} sends ({{ $labels.kind }}) were accepted when nobody needed them any more.",
            events('durable_research_effects_total{outcome="late_duplicate"}', "30m", "kind"),
        ),
    ),
)  # fmt: skip
