"""Detecting the language of a text."""

from typing import Protocol


class Languages(Protocol):
    """A detector of languages."""

    def language_of(self, text: str) -> str:
        """Detect the text's language, as a two-letter tag; slow, and blocking: needs no event loop."""
        ...

    def recognises(self, language: str) -> bool:
        """Whether texts in this language, or in one that is hard to distinguish from it, can be recognised; slow likewise."""
        ...
