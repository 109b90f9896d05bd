"""Styles, scripts and the icon, our own and vendored ones: read once.

The address has a hash of the content, so clients cache it permanently.
"""

import hashlib
import mimetypes
from dataclasses import dataclass
from pathlib import Path

from quart import Request, Response
from werkzeug.exceptions import NotFound

_WEB = Path(__file__).parents[1]
_FOLDERS = (_WEB / "static", _WEB / "vendored")
_PERMANENT = "public, max-age=31536000, immutable"
_TYPES = {".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml"}


@dataclass(frozen=True)
class _Asset:
    data: bytes
    version: str
    media_type: str


class Assets:
    """A fixed set of files; no path of a request ever reaches the file system."""

    def __init__(self) -> None:
        self._assets = {
            path.name: _read(path) for folder in _FOLDERS for path in folder.iterdir() if path.suffix in _TYPES
        }

    def url(self, name: str) -> str:
        """The address of a file's current content."""
        return f"/static/{name}?v={self._assets[name].version}"

    def response(self, request: Request, name: str) -> Response:
        """Answer with a file."""
        asset = self._assets.get(name)
        if asset is None:
            raise NotFound
        etag = f'"{asset.version}"'
        cache_control = _PERMANENT if request.args.get("v") == asset.version else "no-cache"
        headers = {"ETag": etag, "Cache-Control": cache_control}
        if request.headers.get("If-None-Match") == etag:
            return Response(b"", 304, headers)
        return Response(asset.data, 200, headers, content_type=asset.media_type)


def _read(path: Path) -> _Asset:
    data = path.read_bytes()
    kind = _TYPES.get(path.suffix) or mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    charset = "; charset=utf-8" if kind.startswith("text/") else ""
    return _Asset(data, hashlib.sha256(data).hexdigest()[:16], kind + charset)
