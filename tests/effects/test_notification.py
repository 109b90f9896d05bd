"""The notification effect: the stored form of a message, and what distinguishes two messages."""

import pytest

from durable_research.effects.notification import Notified, notification_ordinal


@pytest.mark.parametrize(
    ("occasion", "ordinal"),
    [((), "log"), (("failed", "3"), "failed 3 log"), (("decision_asked", "llm_call2"), "decision_asked llm_call2 log")],
)
def test_notifications_of_one_step_have_an_ordinal_of_occasion_and_channel(
    occasion: tuple[str, ...], ordinal: str
) -> None:
    assert notification_ordinal(occasion, "log") == ordinal


@pytest.mark.parametrize(
    ("stored", "notified"),
    [
        ({"channel": "log", "reference": "1", "left_out": []}, Notified(channel="log", reference="1")),
        ({"reference": "1754000000.000100"}, Notified(reference="1754000000.000100")),
    ],
)
def test_a_delivery_stored_by_an_older_version_is_parsed(stored: dict[str, object], notified: Notified) -> None:
    assert Notified.model_validate(stored) == notified
