"""The frame around every page's content, and the one way to render a page."""

from datetime import UTC, datetime
from typing import Any

from quart import Response, render_template

from durable_research.catalogue import BY_KIND, PIPELINES
from durable_research.domain.errors import InfrastructureDown
from durable_research.operations.facade import Operations
from durable_research.web.pages import wording

NO_CACHE = {"Cache-Control": "no-cache"}


async def page(
    operations: Operations,
    template: str,
    *,
    status: int = 200,
    workers: int | None = None,
    is_read: bool = False,
    **values: Any,
) -> Response:
    """Render a page within the frame.

    `workers` is the number of live workers where the page has read it already; with `is_read` None says that it could not.
    """
    if workers is None and not is_read:
        workers = await _live_workers(operations)
    shell = {
        "is_demo": operations.is_demo,
        "workers": workers,
        "now": datetime.now(UTC),
        "words": wording,
        "pipelines": tuple(PIPELINES.values()),
        "by_kind": BY_KIND,
    }
    html = await render_template(template, **shell, **values)
    return Response(html, status, NO_CACHE, content_type="text/html; charset=utf-8")


async def _live_workers(operations: Operations) -> int | None:
    """The number of live workers; None when it cannot be read now."""
    try:
        return len(await operations.reading.live_workers())
    except InfrastructureDown:
        return None
