"""Files that are sent whole, in one part, or not at all: ETag, one Range, and names that no header can be broken with."""

import hashlib
import re
import unicodedata

from quart import Request, Response

from durable_research.web.problems import Problem

_RANGE = re.compile(r"bytes=([0-9]{0,18})-([0-9]{0,18})", re.ASCII)
_LONGEST_NAME = 60


def file_name(title: str, report_id: str, extension: str) -> str:
    """A name of plain ASCII letters for a download; the id's end keeps reports of one title apart."""
    letters = unicodedata.normalize("NFKD", title).encode("ascii", "ignore").decode().lower()
    slug = re.sub(r"[^a-z0-9]+", "-", letters).strip("-")[:_LONGEST_NAME].strip("-")
    return f"{slug or 'report'}-{report_id[-6:]}.{extension}"


def file_response(request: Request, data: bytes, media_type: str, name: str) -> Response:
    """Answer with the file as the request's conditions want it."""
    etag = f'"{hashlib.sha256(data).hexdigest()}"'
    headers = {
        "ETag": etag,
        "Cache-Control": "private, no-cache",
        "Accept-Ranges": "bytes",
        "Content-Disposition": f'inline; filename="{name}"',
    }
    if _names(request.headers.get("If-None-Match", ""), etag):
        return Response(b"", 304, headers)
    wanted = request.headers.get("Range")
    if wanted is None or request.headers.get("If-Range", etag) != etag:
        return Response(data, 200, headers, content_type=media_type)
    first, last = _part(wanted, len(data))
    headers["Content-Range"] = f"bytes {first}-{last}/{len(data)}"
    return Response(data[first : last + 1], 206, headers, content_type=media_type)


def _names(header: str, etag: str) -> bool:
    return header.strip() == "*" or etag in [one.strip().removeprefix("W/") for one in header.split(",")]


def _part(wanted: str, size: int) -> tuple[int, int]:
    """The first and last byte of the one part that is asked for.

    Raises:
        Problem: 416 for several parts (they multiply the work for one request), and for a part outside the file.
    """
    match = _RANGE.fullmatch(wanted.strip())
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
