"""Requests made while Temporal is away are stored, and done when it is back."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from durable_research.temporal import names
from tests.installation import Installation, until


@dataclass(frozen=True)
class Away:
    """One installation that was without Temporal for a while: a report that was under way then, and one of that time."""

    installation: Installation
    under_way: str
    accepted: str
    accepted_status: dict[str, Any]
    cancelled_then: int


@pytest.fixture(scope="module")
def away(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Away]:
    with Installation(tmp_path_factory.mktemp("away")) as installation:
        installation.latency(20)
        under_way = installation.submit("Cancelled while the engine is away")
        installation.call_committed(under_way)
        installation.stop()

        installation.start(only="postgres,api")
        answer = httpx.post(f"{installation.api}/api/workflows/{under_way}/cancel", timeout=60)
        accepted = installation.submit("Accepted without an engine")
        accepted_status = installation.status(accepted)
        installation.stop()

        installation.start()
        yield Away(installation, under_way, accepted, accepted_status, answer.status_code)


def test_a_report_accepted_while_temporal_is_down_finishes_when_it_is_back(away: Away) -> None:
    def is_delivered_to_temporal() -> bool:
        away.installation.fire(names.RECONCILE_SCHEDULE)  # the pass skips a report accepted a moment ago
        return bool(away.installation.status(away.accepted)["status"] != "queued")

    until("the report to be given to Temporal", is_delivered_to_temporal)

    assert (away.accepted_status["status"], away.accepted_status["engine"]) == ("queued", "unreachable")
    assert away.installation.finished(away.accepted)["status"] == "done"


def test_a_cancel_request_during_a_temporal_outage_takes_effect_afterwards(away: Away) -> None:
    status = away.installation.finished(away.under_way)

    assert away.cancelled_then == 202
    assert status["status"] == "cancelled"
    assert not away.installation.billing_log(away.under_way, kind="webhook")
