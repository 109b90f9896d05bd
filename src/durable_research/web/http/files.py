"""Answers with files, whole, in one part or not modified: ETag, one Range, and names that are safe in a header."""

import hashlib
import re
import unicodedata
from dataclasses import dataclass
from urllib.parse import quote

from quart import Request, Response

from durable_research.web.http.problems import Problem

_RANGE = re.compile(r"bytes=([0-9]{0,18})-([0-9]{0,18})", re.ASCII)
# Most file systems allow 255 bytes: so many characters of four bytes each, the id's end and the extension.
_LONGEST_NAME = 60


@dataclass(frozen=True)
class FileName:
    """The name of a download: in letters of the title's script, and in plain ASCII for programs that support no other."""

    full: str
    plain: str

    @property
    def disposition(self) -> str:
        """The Content-Disposition. Source: RFC 6266, sections 4.3 and appendix D: the plain name first, for older readers."""
        encoded = "" if self.full == self.plain else f"; filename*=UTF-8''{quote(self.full, safe='')}"
        return f'inline; filename="{self.plain}"{encoded}'


def file_name(title: str, report_id: str, extension: str) -> FileName:
    """A name of a title's letters and digits; the id's end distinguishes reports with one title."""
    end = f"{report_id[-6:]}.{extension}"
    letters = unicodedata.normalize("NFKD", title).encode("ascii", "ignore").decode()
    full, plain = _slug(unicodedata.normalize("NFKC", title)), _slug(letters)
    return FileName(f"{full or 'report'}-{end}", f"{plain or 'report'}-{end}")


def _slug(title: str) -> str:
    """Letters, digits and the marks of letters; every other character becomes a hyphen."""
    hyphenated = "".join(char if unicodedata.category(char)[0] in "LMN" else "-" for char in title.lower())
    return re.sub("-+", "-", hyphenated).strip("-")[:_LONGEST_NAME].strip("-")


def file_response(request: Request, data: bytes, media_type: str, name: FileName) -> Response:
    """Answer with the file, according to the request's conditions."""
    etag = f'"{hashlib.sha256(data).hexdigest()}"'
    headers = {
        "ETag": etag,
        "Cache-Control": "private, no-cache",
        "Accept-Ranges": "bytes",
        "Content-Disposition": name.disposition,
    }
    if _names(request.headers.get("If-None-Match", ""), etag):
        return Response(b"", 304, headers)
    ranges = request.headers.get("Range")
    if ranges is None or request.headers.get("If-Range", etag) != etag:
        return Response(data, 200, headers, content_type=media_type)
    first, last = _part(ranges, len(data))
    headers["Content-Range"] = f"bytes {first}-{last}/{len(data)}"
    return Response(data[first : last + 1], 206, headers, content_type=media_type)


def _names(header: str, etag: str) -> bool:
    return header.strip() == "*" or etag in [one.strip().removeprefix("W/") for one in header.split(",")]


def _part(ranges: str, size: int) -> tuple[int, int]:
    """The first and last byte of the one requested part.

    Raises:
        Problem: 416 for several parts (they multiply the work for one request), and for a part outside the file.
    """
    match = _RANGE.fullmatch(ranges.strip())
    start, end = (match[1], match[2]) if match else ("", "")
    if start:
        first, last = int(start), min(int(end), size - 1) if end else size - 1
    elif end:
        first, last = max(size - int(end), 0), size - 1
    else:
        first, last = size, -1
    if first > last:
        headers = {"Content-Range": f"bytes */{size}"}
        raise Problem(416, "range_not_satisfiable", "ask for one range of bytes within the file", headers=headers)
    return first, last
