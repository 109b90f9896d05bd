"""The forms that values of settings must have. Refusals name the form and never quote the value, which may be a secret."""

import ipaddress
import re
from base64 import b64decode
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, SecretStr

from durable_research.domain.requests.mailboxes import mailboxes
from durable_research.failpoints.registry import check_rules
from durable_research.payload_keys import parse_keys

_SECRET_BYTES = range(24, 65)  # source: the Standard Webhooks specification, read 2026-11-21
_ORIGIN = re.compile(r"https?://([a-z0-9.-]+|\[[0-9a-f:.]+\])(:[0-9]{1,5})?", re.ASCII)
_TOKEN = re.compile(r"[A-Za-z0-9._~+/-]+=*", re.ASCII)  # source: RFC 6750, 2.1
_HIGHEST_PORT = 65535


def _loopback_host(host: str) -> str:
    try:
        loopback = ipaddress.ip_address(host).is_loopback
    except ValueError:
        loopback = host == "localhost"
    if not loopback:
        raise ValueError("must be a loopback address: there is no login yet, so nothing else may be reachable")
    return host


def _loopback_address(address: str) -> str:
    host, _, port = address.rpartition(":")
    if address and not (port.isdecimal() and int(port) <= _HIGHEST_PORT and host in ("127.0.0.1", "[::1]")):
        raise ValueError("must be 127.0.0.1:PORT or [::1]:PORT: metrics and probes have no login")
    return address


def _bearer_token(token: SecretStr) -> SecretStr:
    if token and not _TOKEN.fullmatch(token.get_secret_value()):
        raise ValueError("must be letters, digits and -._~+/ with = at the end, as a bearer token is sent")
    return token


def _readable_keys(keys: SecretStr) -> SecretStr:
    parse_keys(keys.get_secret_value())
    return keys


def _exact_origin(origin: str) -> str:
    if origin and not _ORIGIN.fullmatch(origin):
        raise ValueError("must be an origin as browsers send it: http(s)://host or http(s)://host:port, no path")
    return origin


def _service_address(address: str) -> str:
    try:
        parts = urlsplit(address)
        wrong = address and (
            parts.scheme not in ("http", "https")
            or not parts.hostname
            or parts.port == 0
            or parts.query
            or parts.fragment
        )
    except ValueError:
        wrong = True
    if wrong:
        raise ValueError("must be http(s)://host or http(s)://host:port, perhaps with a path")
    return address


def _signing_secret(secret: SecretStr) -> SecretStr:
    try:
        raw = b64decode(secret.get_secret_value().removeprefix("whsec_"), validate=True)
    except ValueError:
        raw = b""
    if secret and len(raw) not in _SECRET_BYTES:
        raise ValueError("must be whsec_ and 24 to 64 random bytes in base64")
    return secret


def _mail_server(url: SecretStr) -> SecretStr:
    try:
        parts = urlsplit(url.get_secret_value())
        wrong = url and (parts.scheme not in ("smtp", "smtps") or not parts.hostname or parts.port == 0)
    except ValueError:  # the words of it would quote a part of the password
        wrong = True
    if wrong:
        raise ValueError("must be smtp://host:port or smtps://host:port, with / # ? of a password percent-encoded")
    return url


def _mailboxes(text: str) -> str:
    if text:
        mailboxes(text)
    return text


def _one_mailbox(text: str) -> str:
    if text and len(mailboxes(text)) > 1:
        raise ValueError("must be one address")
    return text


def _failpoint_rules(text: str) -> str:
    if text:
        # Only a process with failpoints loads the pipelines in order to read its settings.
        from durable_research.catalogue import policies

        check_rules(text, policies().values())
    return text


LoopbackHost = Annotated[str, AfterValidator(_loopback_host)]
LoopbackAddress = Annotated[str, AfterValidator(_loopback_address)]
BearerToken = Annotated[SecretStr, AfterValidator(_bearer_token)]
PayloadKeys = Annotated[SecretStr, AfterValidator(_readable_keys)]
Origin = Annotated[str, AfterValidator(_exact_origin)]
ServiceAddress = Annotated[str, AfterValidator(_service_address)]
SigningSecret = Annotated[SecretStr, AfterValidator(_signing_secret)]
MailServer = Annotated[SecretStr, AfterValidator(_mail_server)]
Mailboxes = Annotated[str, AfterValidator(_mailboxes)]
FailpointRules = Annotated[str, AfterValidator(_failpoint_rules)]
Sender = Annotated[str, AfterValidator(_one_mailbox)]
