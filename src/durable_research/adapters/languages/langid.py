"""The Languages port on py3langid, whose model is in the package: 97 languages, best from a sentence on.

Source: the installed package's `langid.py`, version 0.4.0, read 2026-11-21.
"""

from typing import Any

# The beginning tells as well as the whole, and a long text would take long.
_ENOUGH_CHARACTERS = 5000


class LangidLanguages:
    """Its model is loaded when it is first asked: most processes never ask, and it brings numpy along."""

    def __init__(self) -> None:
        self._identifier: Any = None

    def language_of(self, text: str) -> str:
        """The two-letter tag of the likeliest language."""
        if self._identifier is None:
            from py3langid.langid import MODEL_FILE, LanguageIdentifier

            self._identifier = LanguageIdentifier.from_model_file(MODEL_FILE)
        return str(self._identifier.classify(text[:_ENOUGH_CHARACTERS])[0])
