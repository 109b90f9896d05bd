"""The secrets among the settings, for what must not show them."""

import re
from collections.abc import Iterator
from urllib.parse import unquote, urlsplit

from pydantic import SecretStr

from durable_research.settings.settings import Settings


def secrets_of(settings: Settings) -> frozenset[str]:
    """The value of each secret setting, and those within it: the password of an address, each key of several."""
    values = [getattr(settings, name) for name in Settings.model_fields]
    return frozenset(part for one in values if isinstance(one, SecretStr) for part in _within(one.get_secret_value()))


def _within(secret: str) -> Iterator[str]:
    yield secret
    yield from re.findall(r"[^\s,:]{16,}={0,2}", secret) if "://" not in secret else _passwords(secret)


def _passwords(address: str) -> Iterator[str]:
    password = urlsplit(address).password
    if password:
        yield password
        yield unquote(password)
