"""The prompts. A change here affects new calls only: the first claim of a call freezes its prompt."""

from durable_research.domain.requests.post import PostRequest

_INSTRUCTIONS = """\
You write blog posts for curious readers.
Answer in Markdown: one level-1 heading as the title, then short sections under level-2 headings, some 600 words in all.
Begin with what is surprising. Say plainly what is not known. Do not use HTML or images. Do not describe your own reasoning."""


def instructions(request: PostRequest) -> str:
    """The system part: our rules, and the language when one was requested."""
    return f"{_INSTRUCTIONS}\n{request.language_rule}"
