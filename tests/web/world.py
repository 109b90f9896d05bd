"""All fakes, joined as bootstrap joins the real adapters."""

from dataclasses import dataclass, field

from durable_research.ports.dashboards import Dashboards
from tests.fakes import (
    FakeChanges,
    FakeDrafts,
    FakeEngine,
    FakeLedger,
    FakeObjects,
    FakeProgressLog,
    FakeReports,
    FakeSchedules,
    FakeSimilarity,
    FakeWorkerRegistry,
    FakeWorkflows,
    Part,
)
from tests.web.system_fakes import FakeEngineOverview, FakeOverview, FakeQueues, FakeSeries, HangingPart


@dataclass
class FakeWorld:
    """All fakes, joined as the real adapters are."""

    database: Part = field(default_factory=lambda: Part("database"))
    changes: FakeChanges = field(default_factory=FakeChanges)
    engine: FakeEngine = field(default_factory=FakeEngine)
    objects: FakeObjects = field(default_factory=FakeObjects)
    ledger: FakeLedger = field(default_factory=FakeLedger)
    similarity: FakeSimilarity = field(default_factory=FakeSimilarity)
    prometheus: FakeSeries | None = None
    dashboards: Dashboards | None = None

    def __post_init__(self) -> None:
        self.progress = FakeProgressLog(self.database, self.changes)
        self.workflows = FakeWorkflows(self.database, self.progress)
        self.progress.workflows = self.workflows
        self.drafts = FakeDrafts(self.changes)
        self.workers = FakeWorkerRegistry(self.database)
        self.reports = FakeReports(self.database)
        self.overview = FakeOverview(self.database)
        self.engine_overview = FakeEngineOverview(self.engine)
        self.queues = FakeQueues(self.engine)
        self.series = FakeSeries(self.database)
        self.provider = HangingPart("provider")
        self.schedules = FakeSchedules(self.engine)
