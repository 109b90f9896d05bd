import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from durable_research.domain.errors import InvalidState
from durable_research.domain.workflows.workflow import FINAL, Kind, Status, check_transition, kind_of, new_workflow_id

MOMENTS = st.integers(min_value=0, max_value=2**47)
RANDOM = st.binary(min_size=10, max_size=10)


@given(st.sampled_from(Kind), MOMENTS, RANDOM)
def test_an_id_names_its_kind(kind: Kind, at: int, randomness: bytes) -> None:
    assert kind_of(new_workflow_id(kind, at, randomness)) is kind


@given(MOMENTS, RANDOM, RANDOM)
def test_ids_sort_by_time(at: int, one: bytes, other: bytes) -> None:
    assert new_workflow_id(Kind.REPORT, at, one) < new_workflow_id(Kind.REPORT, at + 1, other)


@given(st.text(alphabet=string.printable, max_size=60))
def test_a_text_of_another_form_is_no_workflow_id(text: str) -> None:
    assert kind_of(text) is None


@pytest.mark.parametrize("text", ["report-" + "0" * 25, "report-" + "u" * 26, "report-" + "٣" * 26, "x-" + "0" * 26])
def test_a_nearly_correct_workflow_id_is_refused(text: str) -> None:
    assert kind_of(text) is None


@pytest.mark.parametrize("status", sorted(FINAL))
def test_a_final_status_does_not_change_to_running(status: Status) -> None:
    with pytest.raises(InvalidState):
        check_transition(status, Status.RUNNING)


def test_partly_done_may_change_to_done() -> None:
    check_transition(Status.PARTLY_DONE, Status.DONE)
