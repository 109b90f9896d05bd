from datetime import UTC, datetime

import pytest

from durable_research.domain.caller import Caller
from durable_research.web.http import pagination
from durable_research.web.http.problems import Problem

NOW = datetime(2026, 1, 1, tzinfo=UTC)
ID = "report-" + "0" * 26
CALLER = Caller("t")


def test_a_cursor_is_decoded_to_its_position() -> None:
    assert pagination.decode(pagination.encode(NOW, ID, caller=CALLER, of="l"), caller=CALLER, of="l") == (NOW, ID)


@pytest.mark.parametrize(
    ("at", "item"), [(NOW, "a\x00b"), (NOW, "'; DROP TABLE reports"), (NOW.replace(tzinfo=None), ID)]
)
def test_a_malformed_position_in_a_cursor_is_refused(at: datetime, item: str) -> None:
    with pytest.raises(Problem):
        pagination.decode(pagination.encode(at, item, caller=CALLER, of="l"), caller=CALLER, of="l")
