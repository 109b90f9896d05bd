"""The log lines that a test's code writes, as the product writes them."""

import io
import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from durable_research.telemetry.log_lines import JsonLines
from durable_research.telemetry.logs import LOGGER, Level


@contextmanager
def captured_lines() -> Iterator[list[dict[str, Any]]]:
    """Every line of the block, libraries' included; filled when it ends."""
    written = io.StringIO()
    handler = logging.StreamHandler(written)
    handler.setFormatter(JsonLines())
    root, own = logging.getLogger(), logging.getLogger(LOGGER)
    before = own.level
    own.setLevel(Level.INFO)
    root.addHandler(handler)
    lines: list[dict[str, Any]] = []
    try:
        yield lines
    finally:
        root.removeHandler(handler)
        own.setLevel(before)
        lines += map(json.loads, written.getvalue().splitlines())
