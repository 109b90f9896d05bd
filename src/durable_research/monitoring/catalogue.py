"""Every rule that we have, in one table; files, tests, runbooks and `alarms` read it."""

from durable_research.monitoring.objective_rules import OBJECTIVES
from durable_research.monitoring.platform_rules import PLATFORM
from durable_research.monitoring.provider_rules import PROVIDERS
from durable_research.monitoring.worker_rules import WORKERS
from durable_research.monitoring.workflow_rules import WORKFLOWS

GROUPS = (WORKFLOWS, PROVIDERS, WORKERS, PLATFORM, OBJECTIVES)
ALERTS = tuple(alert for group in GROUPS for alert in group.alerts)
