"""Which addresses of users are called: only plain https ones, and only out into the world."""

import base64
import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from durable_research.domain.requests.addresses import AddressRefused, check_address, may_call, secret_for

LOCAL = [*map(ipaddress.ip_network, ("127.0.0.0/8", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16"))]
local_addresses = st.one_of(
    *(st.integers(int(net[0]), int(net[-1])).map(ipaddress.IPv4Address) for net in LOCAL),
)


def code_of(url: str, **options: bool) -> str:
    with pytest.raises(AddressRefused) as refusal:
        check_address(url, **options)
    return refusal.value.code


def notations(address: ipaddress.IPv4Address) -> list[str]:
    number, parts = int(address), address.packed
    return [
        str(address),
        str(number),
        hex(number),
        f"0{number:o}",
        ".".join(hex(part) for part in parts),
        ".".join(f"0{part:o}" for part in parts),
        f"{parts[0]}.{number & 0xFFFFFF}",
        f"{parts[0]}.{parts[1]}.{number & 0xFFFF}",
        "".join(chr(ord(char) + 0xFEE0) if char.isdigit() else char for char in str(address)),
        f"{address}.",
        f"[::ffff:{address}]",
    ]


@pytest.mark.parametrize(
    ("url", "host", "port", "target"),
    [
        ("https://example.org", "example.org", 443, "/"),
        ("https://example.org/hook?a=1", "example.org", 443, "/hook?a=1"),
        ("https://example.org?a=1", "example.org", 443, "/?a=1"),
        ("HTTPS://Hooks.Example.ORG:8443/x", "hooks.example.org", 8443, "/x"),
        ("https://xn--bcher-kva.example/", "xn--bcher-kva.example", 443, "/"),
        ("https://8.8.8.8/", "8.8.8.8", 443, "/"),
        ("https://[2606:4700::1111]/", "2606:4700::1111", 443, "/"),
    ],
)
def test_a_plain_https_address_is_parsed(url: str, host: str, port: int, target: str) -> None:
    address = check_address(url)

    assert (address.scheme, address.host, address.port, address.target) == ("https", host, port, target)


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1",
        "http://localhost",
        "https://localhost.",
        "http://[::1]",
        "http://127.1",
        "http://2130706433",
        "https://0x7f000001",
        "https://0177.0.0.1",
        "https://１２７.0.0.1",
        "https://①②⑦.0.0.1",
        "https://127。0。0。1",
        "https://0",
        "https://169.254.169.254/latest/meta-data",
        "https://168.63.129.16",
        "https://[::ffff:169.254.169.254]",
        "https://[::ffff:a9fe:a9fe]",
        "https://[64:ff9b::7f00:1]",
        "https://[2002:7f00:1::]",
        "https://[fd00::1]",
        "https://[fe80::1]",
        "https://100.64.0.1",
        "https://192.0.0.192",
        "https://224.0.0.1",
        "https://255.255.255.255",
        "https://intranet/hook",
        "https://db.internal",
        "https://printer.local",
        "https://a.localhost",
    ],
)
def test_a_private_or_reserved_address_is_forbidden(url: str) -> None:
    assert code_of(url) == "forbidden_address"


@pytest.mark.parametrize(
    "url",
    [
        "ftp://example.org",
        "http://example.org",
        "file:///etc/passwd",
        "https://",
        "https:///x",
        "https://u:p@example.org",
        "https://u@example.org",
        "https://example.org:22",
        "https://example.org:80",
        "https://example.org:",
        "https://example.org:99999",
        "https://example.org/" + "a" * 2_000,
        "https://example.org/#fragment",
        "https://example.org/a b",
        "https://example.org/a\nb",
        "https://example.org\\@evil.example/",
        "https://exa mple.org/",
        "https://bücher.example/",
        "https://exämple.org/",
        "https://example..org/",
        "https://-example.org/",
        "https://1.2.3.4.5/",
        "https://example.0x1/",
        "https://256.256.256.256/",
        "https://134744072/",
        "https://[::1/",
        "https://[fe80::1%25eth0]/",
        "https://[zz]/",
    ],
)
def test_any_other_address_is_invalid(url: str) -> None:
    assert code_of(url) == "invalid_url"


@given(local_addresses, st.data())
def test_a_local_address_is_forbidden_in_every_notation(address: ipaddress.IPv4Address, data: st.DataObject) -> None:
    written = data.draw(st.sampled_from(notations(address)))

    assert code_of(f"https://{written}/") == "forbidden_address"


@pytest.mark.parametrize("inside", ["::ffff:0:a9fe:a9fe", "::ffff:0:7f00:1", "fe00::1", "5f00::1", "4000::1"])
def test_an_address_outside_global_unicast_is_not_called(inside: str) -> None:
    assert not may_call(ipaddress.ip_address(inside))


@given(st.text(max_size=60))
def test_every_accepted_address_is_ascii_and_has_a_host(text: str) -> None:
    try:
        address = check_address(f"https://{text}")
    except AddressRefused:
        return
    assert address.host.isascii()
    assert "." in address.host or ":" in address.host
    assert address.target.startswith("/")


@given(st.ip_addresses(v=6))
def test_an_ipv6_address_with_an_embedded_ipv4_address_is_checked_by_it(address: ipaddress.IPv6Address) -> None:
    mapped = ipaddress.IPv6Address(f"::ffff:{ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)}")

    assert may_call(mapped) == may_call(ipaddress.IPv4Address(int(address) & 0xFFFFFFFF))


@pytest.mark.parametrize("url", ["http://127.0.0.1:8000/x", "http://localhost:9/", "https://[::1]:8443/"])
def test_loopback_is_allowed_when_the_setting_says_so(url: str) -> None:
    assert check_address(url, loopback_too=True).target.startswith("/")


@pytest.mark.parametrize("url", ["http://10.0.0.1/", "http://169.254.169.254/", "http://intranet/"])
def test_other_private_addresses_stay_forbidden_when_loopback_is_allowed(url: str) -> None:
    assert code_of(url, loopback_too=True) == "forbidden_address"


def test_each_address_has_its_own_secret() -> None:
    operator = "whsec_" + base64.b64encode(b"s" * 32).decode()

    secrets = {secret_for(operator, url) for url in ("https://a.example/", "https://b.example/", "https://a.example/")}

    assert len(secrets) == 2
    assert all(len(base64.b64decode(secret.removeprefix("whsec_"))) == 32 for secret in secrets)
