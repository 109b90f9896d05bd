"""Mail addresses as people write them: plain or with a name before them, in any script.

Source: RFC 5322, section 3.4, as RFC 6532 extends it to all of Unicode; RFC 5321, section 4.5.3.1, for the lengths; read
2026-11-28. Left out on purpose: groups, comments, and a domain written as an IP address. The standard library's parser is not
used, as it repairs malformed addresses instead of refusing them.
"""

import re
import unicodedata
from dataclasses import dataclass

import idna

_LOCAL_LONGEST_BYTES = 64
_DOMAIN_LONGEST = 253
# Characters of an unquoted word: RFC 5322's atext, and all beyond ASCII except blanks and control characters.
_ATOM = r"(?:[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]|[^\x00-\xa0\s])+"
_QUOTED = r'"(?:[^"\\\x00-\x1f\x7f-\x9f]|\\[^\x00-\x1f\x7f-\x9f])*"'
_LOCAL = rf"{_ATOM}(?:\.{_ATOM})*|{_QUOTED}"
_DOMAIN = r'[^\x00-\x20\x7f-\xa0\s@<>()\[\],;:\\"]+'
_NAME = rf'{_QUOTED}|[^\x00-\x1f\x7f-\x9f"<>(),;:@\\]*'
_MAILBOX = re.compile(
    rf"[ \t]*(?:(?P<local>{_LOCAL})@(?P<domain>{_DOMAIN})"
    rf"|(?P<name>{_NAME})[ \t]*<(?P<named_local>{_LOCAL})@(?P<named_domain>{_DOMAIN})>)[ \t]*"
)
_LABEL = re.compile(r"(?!-)[A-Za-z0-9_-]{1,63}(?<!-)", re.ASCII)


@dataclass(frozen=True)
class Mailbox:
    """One address. `local` is as it was written, with its quotes; `domain` is in ASCII, for the name service."""

    local: str
    domain: str
    name: str = ""

    @property
    def address(self) -> str:
        """The address for an SMTP envelope."""
        return f"{self.local}@{self.domain}"

    @property
    def unquoted(self) -> str:
        """`local` without its quotes."""
        return _unquoted(self.local)

    @property
    def needs_utf8(self) -> bool:
        """Whether the server must support SMTPUTF8: a domain can be written in ASCII, the local part cannot."""
        return not self.local.isascii()


def mailboxes(text: str) -> tuple[Mailbox, ...]:
    """Read a list that is separated by commas, each address once.

    Raises:
        ValueError: an entry is no address; the message has its place and never its text.
    """
    found: list[Mailbox] = []
    at = 0
    while not found or at < len(text):
        match = _MAILBOX.match(text, at)
        if match is None or text[match.end() : match.end() + 1] not in ("", ","):
            raise ValueError(f"the address at place {len(found) + 1} is not one such as reports@example.org")
        found.append(_mailbox(match, len(found) + 1))
        at = match.end() + 1
    if text.endswith(","):
        raise ValueError(f"the address at place {len(found) + 1} is missing")
    return tuple({one.address: one for one in reversed(found)}.values())[::-1]


def _mailbox(match: re.Match[str], place: int) -> Mailbox:
    local = unicodedata.normalize("NFC", match["local"] or match["named_local"])
    if any(unicodedata.category(char) == "Cf" for char in local):
        raise ValueError(f"the address at place {place} holds a character that cannot be seen")
    if len(local.encode()) > _LOCAL_LONGEST_BYTES:
        raise ValueError(f"the address at place {place} has more than {_LOCAL_LONGEST_BYTES} bytes before its @")
    domain = _ascii_domain(match["domain"] or match["named_domain"], place)
    return Mailbox(local, domain, _unquoted((match["name"] or "").strip()))


def _unquoted(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text[1:-1]) if text.startswith('"') else text


def _ascii_domain(domain: str, place: int) -> str:
    """The domain in its ASCII form (IDNA 2008, with capitals and compatible forms mapped first)."""
    try:
        written = domain if domain.isascii() else idna.encode(domain, uts46=True).decode()
    except idna.IDNAError:
        written = ""
    labels = written.removesuffix(".").split(".")
    if len(written) > _DOMAIN_LONGEST or not all(_LABEL.fullmatch(label) for label in labels):
        raise ValueError(f"the address at place {place} has a domain that is no name")
    return written.removesuffix(".")
