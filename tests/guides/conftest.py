"""These tests run a copy of the source with one more pipeline."""

import pytest


@pytest.fixture(autouse=True)
def every_answer_is_as_described() -> None:
    """The copy's document describes the copy's answers, and tests here check ours, which has no outlines."""
