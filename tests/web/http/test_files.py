"""The file name of a download, for clients that read RFC 6266 and for those that do not."""

from urllib.parse import unquote

import pytest

from durable_research.web.http.files import file_name

ID = "report-01m8gcpb5y4w87gx3jabcdef"


@pytest.mark.parametrize(
    ("title", "full", "plain"),
    [
        ("Why do tides differ?", "why-do-tides-differ", "why-do-tides-differ"),
        ("Größe & Maß", "größe-maß", "groe-ma"),
        ("潮汐の科学", "潮汐の科学", "report"),
        ("प्रौद्योगिकी क्या है?", "प्रौद्योगिकी-क्या-है", "report"),
        ("Где прилив?", "где-прилив", "report"),
        ("ＡＢＣ ½", "abc-1-2", "abc-12"),
        ("../../etc/passwd", "etc-passwd", "etc-passwd"),
        ('a"; filename="b.exe', "a-filename-b-exe", "a-filename-b-exe"),
        ("a\r\nSet-Cookie: x=1", "a-set-cookie-x-1", "a-set-cookie-x-1"),
        ("\u202egpj.exe", "gpj-exe", "gpj-exe"),
        ("🌊🌊", "report", "report"),
        ("", "report", "report"),
    ],
)
def test_a_file_name_is_made_of_the_letters_of_its_title(title: str, full: str, plain: str) -> None:
    name = file_name(title, ID, "pdf")

    assert (name.full, name.plain) == (f"{full}-abcdef.pdf", f"{plain}-abcdef.pdf")


@pytest.mark.parametrize("title", ["a" * 200, "潮" * 200, "𐍈" * 200, "é́" * 200, "a - " * 60])
def test_a_file_name_is_at_most_255_bytes(title: str) -> None:
    name = file_name(title, ID, "html")

    assert max(len(name.full.encode()), len(name.plain)) <= 255
    assert "--" not in name.full


@pytest.mark.parametrize("title", ["Why?", "潮汐 \"'; \\ %41 (x)", "Größe\n"])
def test_content_disposition_is_ascii_and_holds_both_names(title: str) -> None:
    name = file_name(title, ID, "pdf")

    kind, plain, *extended = name.disposition.split("; ")
    assert (kind, plain, name.disposition.isascii()) == ("inline", f'filename="{name.plain}"', True)
    assert [unquote(one.removeprefix("filename*=UTF-8''")) for one in extended] == (
        [name.full] if name.full != name.plain else []
    )
