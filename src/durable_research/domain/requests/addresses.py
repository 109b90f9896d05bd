"""Which addresses from users may be called: rules only, no I/O; delivery also checks the IP addresses that a name has.

Rejected: a URL parser for the host. Parsers disagree on odd spellings, and a difference between the checking and the
connecting one can be exploited. An unusual spelling is refused, and delivery connects to the address checked here.
"""

import base64
import hashlib
import hmac
import ipaddress
import re
import unicodedata
from dataclasses import dataclass

URL_LONGEST = 2_000
PORTS = (443, 8443)

IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address

# All global unicast addresses; translated and reserved forms have other prefixes.
_GLOBAL_UNICAST_6 = ipaddress.IPv6Network("2000::/3")

# `is_global` alone allows these, at least in Python 3.11 (measured): a cloud's host, translation to IPv4, and the like.
_DENIED = tuple(
    ipaddress.ip_network(network)
    for network in (
        "100.64.0.0/10",  # carriers' own addresses
        "168.63.129.16/32",  # Azure's host
        "192.0.0.0/24",  # protocol assignments, Oracle's metadata among them
        "192.88.99.0/24",  # 6to4 relays
        "224.0.0.0/4",  # multicast
        "::/96",  # IPv4-compatible
        "64:ff9b::/96",  # NAT64
        "64:ff9b:1::/48",  # local NAT64
        "2001::/23",  # protocol assignments, Teredo among them
        "2002::/16",  # 6to4
        "fec0::/10",  # site-local
        "ff00::/8",  # multicast
    )
)
_LOCAL_SUFFIXES = ("localhost", "local", "localdomain", "internal", "home.arpa")
_URL = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*)://(?P<authority>[^/?#]*)(?P<target>[/?][^#]*)?")
_AUTHORITY = re.compile(r"(?P<host>\[[0-9A-Fa-f:.]+\]|[^:\[\]]+)(?::(?P<port>[0-9]{1,5}))?")
_LABEL = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)")
_NUMBER = re.compile(r"0x[0-9a-f]*|[0-9]+")
_UNSAFE_CHARACTERS = frozenset('"<>\\^`{|}')


class AddressRefused(ValueError):
    """An address that may not be called; `code` is stable."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail


@dataclass(frozen=True)
class Address:
    """A checked address, as the parts of a request. `host` is a name, or an IP without brackets."""

    scheme: str
    host: str
    port: int
    target: str

    @property
    def authority(self) -> str:
        """Host and port in the form of the Host header."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == {"https": 443, "http": 80}[self.scheme] else f"{host}:{self.port}"


def is_address(channel: str) -> bool:
    """Whether a channel of a request is an address rather than a name."""
    return "://" in channel


def check_address(url: str, *, loopback_too: bool = False) -> Address:
    """Check a user's address; `loopback_too` also allows this machine's addresses, http and any port, for tests.

    Raises:
        AddressRefused: `invalid_url` when it is not a plain https address, `forbidden_address` for an internal one.
    """
    if len(url) > URL_LONGEST:
        raise _invalid(f"must have at most {URL_LONGEST} characters")
    matched = _URL.fullmatch(url)
    if matched is None or not matched["authority"]:
        raise _invalid("must be an address such as https://example.org/hook, without a fragment")
    if "@" in matched["authority"]:
        raise _invalid("must not hold a user name or password")
    authority = _AUTHORITY.fullmatch(unicodedata.normalize("NFKC", matched["authority"]).lower())
    if authority is None:
        raise _invalid("its host or port is malformed")
    host = authority["host"].strip("[]").removesuffix(".")
    _check_host(host, is_ipv6="[" in authority["host"], loopback_too=loopback_too)
    if not url.isascii() or any(not "!" <= char <= "~" or char in _UNSAFE_CHARACTERS for char in url):
        raise _invalid("must be written in plain ASCII: international names as xn--, other characters as %XX")
    scheme = matched["scheme"].lower()
    if scheme != "https" and not (loopback_too and scheme == "http"):
        raise _invalid("must begin with https://")
    port = int(authority["port"] or (443 if scheme == "https" else 80))
    if port not in PORTS and not (loopback_too and 0 < port < 65536):
        raise _invalid("must use port 443 or 8443")
    target = matched["target"] or "/"
    return Address(scheme, host, port, target if target.startswith("/") else f"/{target}")


def may_call(address: IPAddress, *, loopback_too: bool = False) -> bool:
    """Whether an IP address is public, and does not lead to this machine, a local network or a cloud's internal services."""
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped:
        address = address.ipv4_mapped
    if address.is_loopback:
        return loopback_too
    if isinstance(address, ipaddress.IPv6Address) and address not in _GLOBAL_UNICAST_6:
        return False
    return address.is_global and not any(
        address in network for network in _DENIED if network.version == address.version
    )


def secret_for(operator_secret: str, url: str) -> str:
    """The signing secret for a user's address: derived, so that the owner of one cannot sign for another."""
    key = base64.b64decode(operator_secret.removeprefix("whsec_"))
    return "whsec_" + base64.b64encode(hmac.digest(key, url.encode(), hashlib.sha256)).decode()


def _check_host(host: str, *, is_ipv6: bool, loopback_too: bool) -> None:
    literal = _ipv6(host) if is_ipv6 else _ipv4(host)
    if literal is not None:
        if not may_call(literal, loopback_too=loopback_too):
            raise _forbidden("this IP address is not out in the world")
        if str(literal) != host:
            raise _invalid("an IP address must be written in its usual form")
        return
    if loopback_too and host == "localhost":
        return
    labels = host.split(".")
    if len(labels) < 2 or any(host == suffix or host.endswith(f".{suffix}") for suffix in _LOCAL_SUFFIXES):
        raise _forbidden("this name belongs to a machine or network, not to the world")
    if len(host) > 253 or not all(_LABEL.fullmatch(label) for label in labels):
        raise _invalid("its host is not a name")


def _ipv6(host: str) -> IPAddress:
    try:
        return ipaddress.IPv6Address(host)
    except ValueError:
        raise _invalid("its host is not an IP address") from None


def _ipv4(host: str) -> IPAddress | None:
    """Read an IPv4 address in any notation that a resolver may accept: fewer parts, octal, hexadecimal."""
    parts = host.split(".")
    if not _NUMBER.fullmatch(parts[-1]):
        return None
    # No host name ends in a number, so only an address is valid from here on.
    if len(parts) > 4 or not all(_NUMBER.fullmatch(part) for part in parts):
        raise _invalid("its host is neither a name nor an IP address")
    try:
        *heads, tail = (_number(part) for part in parts)
    except ValueError:
        raise _invalid("its host is neither a name nor an IP address") from None
    if any(head > 255 for head in heads) or tail >= 256 ** (4 - len(heads)):
        raise _invalid("its host is neither a name nor an IP address")
    return ipaddress.IPv4Address(sum(head << 8 * (3 - place) for place, head in enumerate(heads)) + tail)


def _number(text: str) -> int:
    if text.startswith("0x"):
        return int(text[2:] or "0", 16)
    return int(text, 8) if text.startswith("0") and text != "0" else int(text)


def _invalid(detail: str) -> AddressRefused:
    return AddressRefused("invalid_url", detail)


def _forbidden(detail: str) -> AddressRefused:
    return AddressRefused("forbidden_address", detail)
