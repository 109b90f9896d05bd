"""A draft's edit is checked before it is accepted, so that what was accepted can be typeset."""

import pytest

from durable_research.domain.draft import check_text
from durable_research.domain.errors import InvalidInput


def test_an_edit_is_kept_without_what_nobody_sees() -> None:
    assert check_text("# Mine\r\n\r\n- a\r\n") == "# Mine\n\n- a\n"


@pytest.mark.parametrize("text", ["", " \n", "# ", "> \n> ", "- \n- ", "\u200b"])
def test_an_edit_with_nothing_to_read_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput) as refusal:
        check_text(text)

    assert [(error.pointer, error.code) for error in refusal.value.errors] == [("/text", "blank")]
