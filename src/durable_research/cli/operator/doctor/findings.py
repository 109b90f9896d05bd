"""What `doctor` finds: one line each."""

from dataclasses import asdict, dataclass
from typing import Any
from urllib.parse import urlsplit


@dataclass(frozen=True)
class Finding:
    """One line: what was looked at, what was found, and how to mend it; `matters` tells ✖ from what is only worth knowing."""

    name: str
    ok: bool
    detail: str
    mend: str = ""
    matters: bool = True

    @property
    def must_be_mended(self) -> bool:
        """Whether the installation cannot work like this."""
        return self.matters and not self.ok

    def as_json(self) -> dict[str, Any]:
        """The finding as `--json` prints it."""
        return asdict(self)


def address(url: str) -> str:
    """A URL without its secrets."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"
