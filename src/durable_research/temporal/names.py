"""Names that outlive a deployment: recorded types, patches, search attributes, schedules."""

DECIDE = "decide"  # the signal with a person's decision
APPROVE = "approve"  # the update with a person's decision about a draft; it returns an answer
APPROVE_SIGNAL = "approve_signal"  # the same without an answer: Temporal's UI and command line

# The memo of a workflow that is started again after the engine lost it: the steps that were completed.
COMPLETED_STEPS = "told-before"
# The memo of a resumed workflow's run, and the header of its activities: which resumption it is.
RESUMPTION = "resumption"
# The same for the trace: the span below which the run's activities have theirs. A run that was started without has neither.
TRACEPARENT = "traceparent"
COMMIT_POINT = (
    "finished-or-cancelled"  # the patch since which the stored row decides which of the two, and nothing is left
)
EVERY_CANCELLATION = "hear-every-cancel"  # the patch since which no cancellation is missed

# Keyword search attributes for operators' filters; never text of users, as these are not encrypted.
TENANT = "ResearchTenant"
KIND = "ResearchKind"
SEARCH_ATTRIBUTES = (TENANT, KIND)

RECONCILE_SCHEDULE = "reconcile-every-minute"
RECONCILE_WORKFLOW = "reconcile"
