"""The most feared outages, shortened to seconds; the results of a full run are in docs/outages.md."""

from pathlib import Path
from typing import Any

import pytest

from durable_research.experiments.outages.outage_run import Options, OutageResult, OutageRun, as_markdown
from durable_research.experiments.outages.outages import OUTAGES

CUT = next(one for one in OUTAGES if one.name == "cut")


def outcome(**changes: Any) -> OutageResult:
    reported: dict[str, Any] = {
        "outage": CUT,
        "provider_class": "L",
        "is_killed": False,
        "kills": 0,
        "status": "done",
        "error": None,
        "billed": 1,
        "settled": 1,
        "possible_extra": 0,
        "seconds": 1.0,
    }
    return OutageResult(**{**reported, **changes})


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"status": "failed", "error": "model_unavailable"}, "the report is failed"),
        ({"billed": 2, "settled": 1}, "billed 2, told 1"),
        ({"billed": 2, "settled": 2}, "billed 2 times where the provider can be asked"),
        ({"provider_class": "N", "possible_extra": 8}, "more than the cap"),
        ({"is_killed": True}, "no worker died"),
        ({"status": "failed", "error": "unconfirmed_effect", "provider_class": "N"}, "the report is failed"),
    ],
)
def test_a_broken_promise_is_named(changes: dict[str, object], words: str) -> None:
    assert any(words in one for one in outcome(**changes).broken)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"provider_class": "N", "billed": 2, "settled": 1, "possible_extra": 1},
        {"provider_class": "N", "is_killed": True, "kills": 2, "status": "failed", "error": "unconfirmed_effect",
         "billed": 1, "settled": 0, "possible_extra": 2},
    ],
    ids=["paid once", "counted", "gave up after a death amid the one call besides"],
)  # fmt: skip
def test_an_outcome_within_the_promise_is_accepted(changes: dict[str, object]) -> None:
    assert outcome(**changes).broken == []


async def test_reports_survive_short_outages_and_every_charge_is_reported(tmp_path: Path) -> None:
    """Each class, with a worker killed during the outage: the harder half of the long run, a hundred times as fast."""
    messages: list[str] = []
    run = OutageRun(Options(tmp_path / "data", pace=0.01, deaths=(True,)), messages.append)

    await run.run()

    expected = sum(len(one.classes) for one in OUTAGES)
    assert (len(run.results), [one.broken for one in run.results if one.broken]) == (expected, []), as_markdown("", run)
