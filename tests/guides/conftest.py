"""What runs here is a copy of the source with one pipeline more."""

import pytest


@pytest.fixture(autouse=True)
def every_answer_is_as_described() -> None:
    """The copy's document describes the copy's answers, and tests hold ours here: it knows no outlines."""
