"""Each quirk of the simulator has an expected outcome, and the simulator accepts each expected fault."""

import random

import pytest

from durable_research.experiments.evidence.quirks import EXPECTED, Expected, draw_quirk
from durable_research.simulator.faults.faults import Fault
from durable_research.simulator.faults.quirks import QUIRKS

# The same missing list by another status; a server has one of the two.
ONE_OF_TWO = {"no_stored_list_405"}


def test_every_quirk_of_the_simulator_has_an_expected_outcome() -> None:
    expected_quirks = {reported["quirk"] for one in EXPECTED for reported in one.faults if "quirk" in reported}

    assert expected_quirks == set(QUIRKS) - ONE_OF_TWO


def test_expected_outcomes_have_distinct_names() -> None:
    names = [(one.pipeline, one.name) for one in EXPECTED]

    assert len(set(names)) == len(names)


@pytest.mark.parametrize("expected", EXPECTED, ids=lambda one: f"{one.pipeline} {one.name}")
def test_the_simulator_accepts_every_expected_fault(expected: Expected) -> None:
    for reported in expected.fault_requests("a word"):
        assert Fault.model_validate(reported).quirk == reported.get("quirk")


@pytest.mark.parametrize("expected", EXPECTED, ids=lambda one: f"{one.pipeline} {one.name}")
def test_the_expected_charges_agree_with_the_simulators_table(expected: Expected) -> None:
    """The calls that met something odd, and at most one more that met nothing."""
    odd = sum(QUIRKS[reported["quirk"]].is_billed for reported in expected.faults if "quirk" in reported)
    plain = sum("fault" in reported for reported in expected.faults)

    assert odd + plain <= expected.billed <= odd + plain + 1


def drawn_with(seed: int, api: str = "chat", pipeline: str = "generate-report") -> list[Expected | None]:
    rng = random.Random(seed)  # noqa: S311 - repeatable
    return [draw_quirk(rng, api, pipeline) for _ in range(200)]


def test_the_same_seed_draws_the_same_quirks_and_another_seed_others() -> None:
    assert drawn_with(1) == drawn_with(1)
    assert drawn_with(1) != drawn_with(2)


@pytest.mark.parametrize("api", ["chat", "chat-stored", "responses", "responses-keyed"])
@pytest.mark.parametrize("pipeline", ["generate-report", "blog-post"])
def test_a_drawn_quirk_fits_its_api_and_affects_no_other_report(api: str, pipeline: str) -> None:
    found = drawn_with(1, api, pipeline)

    assert None in found
    for one in filter(None, found):
        assert (api in one.apis, one.pipeline, one.stage) == (True, pipeline, 0)
        assert one.status in {"done", "failed"}
        assert all("match" not in reported for reported in one.faults)
