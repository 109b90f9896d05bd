"""The accepted values of the setting for keys, and the messages for its errors."""

import base64

import pytest

from durable_research.payload_keys import KeysInvalid, new_key, parse_keys
from durable_research.settings.settings import SettingsInvalid, load

SECRET = base64.b64encode(b"0" * 32).decode()


def test_a_generated_key_is_accepted_by_the_setting() -> None:
    (key,) = parse_keys(new_key())

    assert len(key.secret) == 32


def test_the_first_key_is_the_active_one() -> None:
    assert [key.key_id for key in parse_keys(f"new:{SECRET}, old:{SECRET}")] == ["new", "old"]


@pytest.mark.parametrize("text", ["", " "])
def test_an_empty_setting_holds_no_keys(text: str) -> None:
    assert parse_keys(text) == ()


def test_all_invalid_keys_are_named_at_once() -> None:
    with pytest.raises(KeysInvalid) as raised:
        parse_keys(f"{SECRET},short:AAAA,bad id:{SECRET},good:{SECRET},good:{SECRET},typo:{SECRET}!")

    wrong = ["key 1 ", "key 2 (short)", "key 3 ", "key 5 (good)", "key 6 (typo)"]
    assert [words for words in wrong if words not in str(raised.value)] == []
    assert "key 4" not in str(raised.value)


def test_no_error_message_shows_a_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PAYLOAD_KEYS", f"{SECRET},again:{SECRET},again:{SECRET}")

    with pytest.raises(SettingsInvalid) as raised:
        load()

    assert "PAYLOAD_KEYS" in str(raised.value)
    assert SECRET[:8] not in str(raised.value)


def test_the_repr_of_a_key_does_not_show_its_secret() -> None:
    assert "000" not in repr(parse_keys(f"k:{SECRET}"))
