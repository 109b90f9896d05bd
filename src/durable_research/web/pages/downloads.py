"""A report as one HTML file: it contains its style, and its policy forbids everything else."""

import base64
import hashlib
from pathlib import Path

from quart import render_template

from durable_research.domain.language.direction import is_right_to_left
from durable_research.domain.requests.report import Report

_STYLE = (Path(__file__).parents[1] / "templates" / "download.css").read_text(encoding="utf-8")
_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
# For the file wherever it is opened; this server also sends the header that a file cannot have.
_POLICY = f"default-src 'none'; style-src 'sha256-{_HASH}'; base-uri 'none'; form-action 'none'"
SERVED_WITH = {"Content-Security-Policy": f"{_POLICY}; frame-ancestors 'none'"}


async def html_file(report: Report, fragment: str) -> str:
    """The whole file around the fragment that `create_pdf` stored."""
    direction = "rtl" if is_right_to_left(report.language or "en") else "ltr"
    return await render_template(
        "download.html", report=report, fragment=fragment, style=_STYLE, policy=_POLICY, direction=direction
    )
