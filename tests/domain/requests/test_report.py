import pytest
from pydantic import ValidationError

from durable_research.domain.requests.report import ReportRequest


@pytest.mark.parametrize(
    ("prompt", "code"),
    [
        ("", "blank"),
        ("  \n\t ", "blank"),
        ("\u200b\u200b", "blank"),
        ("a\x00b", "control_character"),
        ("a\x85b", "control_character"),
        ("\ud800", "invalid_unicode"),
        ("x" * 20_001, "too_long"),
        (123, "string_type"),
    ],
)
def test_a_prompt_that_breaks_a_rule_is_refused_with_the_rules_code(prompt: object, code: str) -> None:
    with pytest.raises(ValidationError) as caught:
        ReportRequest.model_validate({"prompt": prompt})

    assert [error["type"] for error in caught.value.errors()] == [code]


def test_a_prompt_of_20000_code_points_is_accepted() -> None:
    assert len(ReportRequest(prompt="😀" * 20_000).prompt) == 20_000


def test_a_prompt_is_unicode_normalised() -> None:
    assert ReportRequest(prompt="e\u0301").prompt == "é"


def test_an_unknown_field_is_refused() -> None:
    with pytest.raises(ValidationError):
        ReportRequest.model_validate({"prompt": "p", "is_admin": True})


def test_a_title_with_a_line_break_is_refused() -> None:
    with pytest.raises(ValidationError):
        ReportRequest(prompt="p", title="one\ntwo")


def test_without_a_title_the_first_line_of_the_prompt_is_the_title() -> None:
    assert ReportRequest(prompt="Tides?\nMore.").shown_title == "Tides?"


def test_a_channel_named_twice_is_notified_once() -> None:
    request = ReportRequest.model_validate({"prompt": "why?", "notify": ["slack", "log", "slack"]})

    assert request.notify == ("slack", "log")
