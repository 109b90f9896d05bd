"""How values become payloads: pydantic models as JSON, sealed. The one place that makes a data converter."""

from collections.abc import Sequence
from dataclasses import replace

from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.converter import DataConverter, DefaultFailureConverterWithEncodedAttributes

from durable_research.payload_keys import Keyring, PayloadKey
from durable_research.temporal.payloads.codec import SealingCodec


def data_converter(keys: Sequence[PayloadKey], namespace: str) -> DataConverter:
    """The converter of clients, workers and replayers; without keys it seals nothing, and names the key that is missing."""
    sealing = replace(pydantic_data_converter, payload_codec=SealingCodec(Keyring(keys, namespace)))
    if not keys:
        return sealing
    # Else the words and stack traces of failures, which may quote anything, would stay in clear.
    return replace(sealing, failure_converter_class=DefaultFailureConverterWithEncodedAttributes)
