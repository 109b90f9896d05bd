"""HTML: escaped, semantic, and unable to act."""

from hypothesis import given, settings

from durable_research.adapters.documents.html import to_html
from durable_research.domain.documents.markdown import parse_markdown
from durable_research.domain.documents.tree import Document, Paragraph, Text
from tests.domain.documents.test_markdown import anything_like_markdown


def _html(markdown: str) -> str:
    article = to_html(parse_markdown(markdown, "Title"))
    return article.removeprefix('<article lang="en">\n').removesuffix("\n</article>")


def test_text_is_escaped() -> None:
    assert _html("AT&T, x < y, `List<String>` <script>alert(1)</script>") == (
        '<p dir="auto">AT&amp;T, x &lt; y, <code>List&lt;String&gt;</code> &lt;script&gt;alert(1)&lt;/script&gt;</p>'
    )


def test_a_forbidden_link_is_shown_as_its_text() -> None:
    assert _html("[click](javascript:alert(1))") == '<p dir="auto">click</p>'


def test_a_link_sends_no_referrer() -> None:
    assert _html("[a](https://x.y/?a=1&b=2)") == (
        '<p dir="auto"><a href="https://x.y/?a=1&amp;b=2" rel="noopener noreferrer nofollow">a</a></p>'
    )


def test_an_image_is_shown_as_its_description() -> None:
    assert _html("![sky](https://evil.example/x.png)") == '<p dir="auto">sky</p>'


def test_headings_start_below_the_title_leave_no_gap_and_have_their_own_ids() -> None:
    assert _html("# One\n\n#### Größe\n\n# One") == (
        '<h2 id="section-one" dir="auto">One</h2>\n'
        '<h3 id="section-grösse" dir="auto">Größe</h3>\n'
        '<h2 id="section-one-2" dir="auto">One</h2>'
    )


def test_header_cells_of_a_table_have_a_scope() -> None:
    assert _html("|a|b|\n|-|-:|\n|1|2|") == (
        '<table><thead><tr><th scope="col" dir="auto">a</th><th scope="col" dir="auto" class="align-right">b</th></tr>'
        '</thead><tbody><tr><td dir="auto">1</td><td dir="auto" class="align-right">2</td></tr></tbody></table>'
    )


def test_an_ordered_list_keeps_its_start_number() -> None:
    assert _html("3. a\n4. b\n   - c") == (
        '<ol start="3"><li dir="auto">a</li><li dir="auto">b<ul><li dir="auto">c</li></ul></li></ol>'
    )


def test_code_keeps_its_language_and_leading_newlines() -> None:
    assert _html("```py\n\n<x>\n```") == ('<pre dir="ltr"><code class="language-py">\n&lt;x&gt;\n</code></pre>')


def test_the_facts_and_the_label_are_at_the_end_of_the_article() -> None:
    document = Document(title="t", language="he", blocks=(), footer_label="Demo <1>", facts=(("Model", "gpt & co"),))

    assert to_html(document) == (
        '<article lang="he" dir="rtl">\n\n'
        '<section><h2 id="section-provenance" dir="auto">Provenance</h2><dl><dt>Model</dt>'
        '<dd><bdi dir="ltr">gpt &amp; co</bdi></dd></dl>'
        "</section>\n<footer><p>Demo &lt;1&gt;</p></footer>\n</article>"
    )


def test_two_headings_without_letters_have_different_ids() -> None:
    assert _html("# !\n\n# ?").count('id="section-2"') == 1


@settings(max_examples=200, deadline=None)
@given(anything_like_markdown)
def test_the_allow_list_removes_nothing_from_generated_html(text: str) -> None:
    html = to_html(Document(title="t", blocks=(Paragraph(inlines=(Text(text=text),)),)))

    assert html.count("<") == html.count(">") == 4
