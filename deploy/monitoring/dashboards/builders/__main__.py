"""Writes the dashboards: `python -m deploy.monitoring.dashboards.builders FOLDER [where docs can be read]`."""

import sys
from pathlib import Path

from deploy.monitoring.dashboards.builders.files import write_dashboards

write_dashboards(Path(sys.argv[1]), *sys.argv[2:3])
