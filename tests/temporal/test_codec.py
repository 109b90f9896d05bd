"""A sealed payload opens with the right key, in the right namespace, unchanged; and never otherwise."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st
from temporalio.api.common.v1 import Payload
from temporalio.api.failure.v1 import Failure
from temporalio.exceptions import ApplicationError

from durable_research.payload_keys import Keyring, PayloadKey
from durable_research.temporal.payloads.codec import SealingCodec
from durable_research.temporal.payloads.converter import data_converter

OLD, NEW = PayloadKey("old", b"o" * 32), PayloadKey("new", b"n" * 32)
PLAIN = Payload(metadata={"encoding": b"json/plain"}, data=b'"a question"')
any_payload = st.builds(
    Payload, metadata=st.dictionaries(st.text(max_size=20), st.binary(max_size=50), max_size=3), data=st.binary()
).filter(lambda payload: payload.metadata.get("encoding") != b"binary/encrypted")


def codec(*keys: PayloadKey, namespace: str = "default") -> SealingCodec:
    return SealingCodec(Keyring(keys, namespace))


def sealed(payload: Payload, *keys: PayloadKey) -> Payload:
    (made,) = asyncio.run(codec(*keys).encode([payload]))
    return made


def opened(payload: Payload, by: SealingCodec) -> Payload:
    (made,) = asyncio.run(by.decode([payload]))
    return made


def refusal(payload: Payload, by: SealingCodec) -> ApplicationError:
    with pytest.raises(ApplicationError) as refused:
        asyncio.run(by.decode([payload]))
    return refused.value


@given(any_payload, st.integers(0, 2))
def test_any_payload_is_opened_after_later_keys_were_added(payload: Payload, keys_since: int) -> None:
    later = [PayloadKey(f"later-{number}", bytes([number]) * 32) for number in range(keys_since)]

    assert opened(sealed(payload, OLD), codec(*later, OLD)) == payload


def test_a_sealed_payload_shows_only_its_key_id() -> None:
    made = sealed(PLAIN, NEW, OLD)

    assert dict(made.metadata) == {"encoding": b"binary/encrypted", "encryption-key-id": b"new"}
    assert b"question" not in made.SerializeToString()


def test_the_same_payload_is_never_sealed_to_the_same_bytes() -> None:
    assert sealed(PLAIN, NEW).data != sealed(PLAIN, NEW).data


def test_without_keys_nothing_is_sealed() -> None:
    assert sealed(PLAIN) == PLAIN


@pytest.mark.parametrize("keys", [(), (NEW,)], ids=["no keys", "a key"])
def test_unsealed_payloads_stay_readable(keys: tuple[PayloadKey, ...]) -> None:
    assert opened(PLAIN, codec(*keys)) == PLAIN


@pytest.mark.parametrize("keys", [(), (NEW,)], ids=["no keys", "another key"])
def test_an_unknown_key_is_named_together_with_the_setting(keys: tuple[PayloadKey, ...]) -> None:
    error = refusal(sealed(PLAIN, OLD), codec(*keys))

    assert error.type == "unknown_key_id"
    assert "key old" in error.message
    assert "PAYLOAD_KEYS" in error.message


def test_another_key_under_the_same_id_does_not_open() -> None:
    assert refusal(sealed(PLAIN, OLD), codec(PayloadKey("old", b"x" * 32))).type == "payload_unreadable"


def test_a_payload_of_another_namespace_does_not_open() -> None:
    assert refusal(sealed(PLAIN, OLD), codec(OLD, namespace="other")).type == "payload_unreadable"


def test_a_payload_that_is_labelled_with_another_key_does_not_open() -> None:
    made = sealed(PLAIN, OLD)
    made.metadata["encryption-key-id"] = b"twin"

    assert refusal(made, codec(OLD, PayloadKey("twin", OLD.secret))).type == "payload_unreadable"


@given(st.data())
def test_a_payload_with_one_changed_bit_does_not_open(data: st.DataObject) -> None:
    made = sealed(PLAIN, OLD)
    at = data.draw(st.integers(0, len(made.data) * 8 - 1))
    changed = bytearray(made.data)
    changed[at // 8] ^= 1 << at % 8

    assert refusal(Payload(metadata=made.metadata, data=bytes(changed)), codec(OLD)).type == "payload_unreadable"


@given(st.binary(max_size=40))
def test_arbitrary_bytes_labelled_as_sealed_do_not_open(data: bytes) -> None:
    stranger = Payload(metadata={"encoding": b"binary/encrypted", "encryption-key-id": b"old"}, data=data)

    assert refusal(stranger, codec(OLD)).type == "payload_unreadable"


async def test_the_message_of_a_failure_is_sealed_and_opened() -> None:
    converter = data_converter([NEW], "default")
    failure = Failure()
    await converter.encode_failure(ApplicationError("canary in the words", type="document_error"), failure)

    assert b"canary" not in failure.SerializeToString()
    assert str(await converter.decode_failure(failure)) == "document_error: canary in the words"
