"""Which mail addresses are read, and how."""

import pytest

from durable_research.domain.requests.mailboxes import Mailbox, mailboxes


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("reports@example.org", [Mailbox("reports", "example.org")]),
        ("a@example.org, b@example.org", [Mailbox("a", "example.org"), Mailbox("b", "example.org")]),
        ("a@example.org,a@example.org", [Mailbox("a", "example.org")]),
        ("root@localhost", [Mailbox("root", "localhost")]),
        ("a.b+tag@example.org", [Mailbox("a.b+tag", "example.org")]),
        ("jörg@example.org", [Mailbox("jörg", "example.org")]),
        ("用户@例子.中国", [Mailbox("用户", "xn--fsqu00a.xn--fiqs8s")]),
        ("ann@Bücher.example", [Mailbox("ann", "xn--bcher-kva.example")]),
        ("ann@straße.example", [Mailbox("ann", "xn--strae-oqa.example")]),  # and not strasse, which is another domain
        ("ann@exam\u200bple.org", [Mailbox("ann", "example.org")]),  # as mappings for names in IDNA have it
        ("jo\u0308rg@example.org", [Mailbox("jörg", "example.org")]),
        ('"ann lee"@example.org', [Mailbox('"ann lee"', "example.org")]),
        (r'"a\"b,c@d"@example.org', [Mailbox(r'"a\"b,c@d"', "example.org")]),
        ("Ann Lee <ann@example.org>", [Mailbox("ann", "example.org", "Ann Lee")]),
        ("<ann@example.org>", [Mailbox("ann", "example.org")]),
        ('"Lee, Ann" <ann@example.org>, b@c.de', [Mailbox("ann", "example.org", "Lee, Ann"), Mailbox("b", "c.de")]),
        (r'"The \"A\"" <a@example.org>', [Mailbox("a", "example.org", 'The "A"')]),
        ("Jörg Müller <joerg@example.org>", [Mailbox("joerg", "example.org", "Jörg Müller")]),
        ('"ann lee"@example.org, Dr. J. O\'Neill <j@c.de>',
         [Mailbox('"ann lee"', "example.org"), Mailbox("j", "c.de", "Dr. J. O'Neill")]),
    ],
)  # fmt: skip
def test_a_list_of_mail_addresses_is_parsed(text: str, read: list[Mailbox]) -> None:
    assert mailboxes(text) == tuple(read)


@pytest.mark.parametrize(
    "text",
    [
        *("", " ", "nobody", "@example.org", "a@", "a b@example.org", "a@@b.c", "a@b@c.de", ".a@b.c", "a.@b.c", "a..b@c.d"),
        *("a@b.c,", ",a@b.c", "a@b.c,,d@e.f", "a@b.c; d@e.f", "a@b.c d@e.f", "friends: a@b.c;", "a@b.c (work)", "a@[::1]"),
        *("a@b..c", "a@-b.c", "a@b-.c", "a@.b", f"a@{'b' * 64}.c", f"a@{'b.' * 127}c", f"{'a' * 65}@b.c", f"{'ö' * 33}@b.c"),
        *("a@b.c\nBcc: d@e.f", "a\n@b.c", "A\n<a@b.c>", '"a\n"@b.c', "a\u00a0b@c.de", "\u200bann@b.c", "a@\u2028.c", "a@ö..c"),
        *("Ann <ann@example.org", "Ann ann@example.org>", "Lee, Ann <ann@example.org>", "a@xn--\u00f6.de", "a@b.c\x00"),
    ],
)  # fmt: skip
def test_a_malformed_mail_address_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="the address at place"):
        mailboxes(text)


def test_the_error_names_the_position_and_not_the_address() -> None:
    with pytest.raises(ValueError, match=r"^the address at place 2 is not one such as reports@example\.org$"):
        mailboxes("a@b.c, secret")


@pytest.mark.parametrize(
    ("text", "needs"), [("ann@bücher.example", False), ("Jörg <j@b.c>", False), ("jörg@b.c", True), ('"jö"@b.c', True)]
)
def test_only_a_non_ascii_local_part_needs_smtputf8(text: str, needs: bool) -> None:
    assert [one.needs_utf8 for one in mailboxes(text)] == [needs]
