"""Telling the language of a text."""

from typing import Protocol


class Languages(Protocol):
    """A detector of languages."""

    def language_of(self, text: str) -> str:
        """The two-letter tag of the language that the text seems to be written in; takes its time, needs no loop."""
        ...

    def recognises(self, language: str) -> bool:
        """Whether texts in this language, or in one that is hardly told from it, can be recognised; takes its time likewise."""
        ...
