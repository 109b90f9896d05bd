"""Every dashboard that we have, in one table."""

from deploy.monitoring.dashboards.builders.objectives import SLO
from deploy.monitoring.dashboards.builders.platform_parts import PLATFORM
from deploy.monitoring.dashboards.builders.product import PRODUCT
from deploy.monitoring.dashboards.builders.temporal_server import TEMPORAL_SERVER
from deploy.monitoring.dashboards.builders.workers import WORKERS

BOARDS = (PRODUCT, WORKERS, TEMPORAL_SERVER, PLATFORM, SLO)
