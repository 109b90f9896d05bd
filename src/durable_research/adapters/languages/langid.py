"""The Languages port on py3langid, whose model is in the package: 97 languages, best from a sentence on.

Source: the installed package's `langid.py`, version 0.4.0, read 2026-11-21.
"""

from typing import Any

from durable_research.domain.language.languages import may_be_confused_with

# The beginning is enough to recognise the language; a long text would take long.
_ENOUGH_CHARACTERS = 5000


class LangidLanguages:
    """Loads its model at the first use: most processes never need it, and it imports numpy."""

    def __init__(self) -> None:
        self._identifier: Any = None

    def language_of(self, text: str) -> str:
        """The tag of the most likely language."""
        return str(self._loaded().classify(text[:_ENOUGH_CHARACTERS])[0])

    def recognises(self, language: str) -> bool:
        """Whether it is one of the model's languages, or may be confused with one."""
        return any(may_be_confused_with(language, known) for known in self._loaded().labels)

    def _loaded(self) -> Any:
        if self._identifier is None:
            from py3langid.langid import MODEL_FILE, LanguageIdentifier

            self._identifier = LanguageIdentifier.from_model_file(MODEL_FILE)
        return self._identifier
