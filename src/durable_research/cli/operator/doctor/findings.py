"""The findings of `doctor`, one line each."""

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit


@dataclass(frozen=True)
class Finding:
    """One line: the check's name, its result, and the remedy; `matters` separates ✖ from a mere note (!)."""

    name: str
    ok: bool
    detail: str
    remedy: str = ""
    matters: bool = True

    @property
    def is_blocking(self) -> bool:
        """Whether the installation cannot work with this finding."""
        return self.matters and not self.ok

    def as_json(self) -> dict[str, Any]:
        """The finding as `--json` prints it."""
        return {
            "name": self.name,
            "ok": self.ok,
            "detail": self.detail,
            "mend": self.remedy,
            "matters": self.matters,
        }


def address(url: str) -> str:
    """A URL without its secrets."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"
