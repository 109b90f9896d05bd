"""The typesetting children: whatever a document does to one, the worker goes on and the next document is served."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest

from durable_research.adapters.documents.typst import TypstRenderer
from durable_research.domain.document import Document, Paragraph, Text
from durable_research.domain.errors import RendererCrashed
from durable_research.domain.markdown import parse_markdown

# Long enough to be interrupted on any machine: it takes more than a second on an idle one.
SLOW = Document(title="Slow", blocks=(Paragraph(inlines=(Text(text="x" * 200_000),)),))


def _document(text: str) -> Document:
    return Document(title="Title", blocks=(Paragraph(inlines=(Text(text=text),)),))


async def test_the_event_loop_runs_on_while_a_document_is_typeset(renderer: TypstRenderer) -> None:
    longest_pause = 0.0
    rendering = asyncio.create_task(renderer.render(SLOW))
    while not rendering.done():
        before = time.monotonic()
        await asyncio.sleep(0.01)
        longest_pause = max(longest_pause, time.monotonic() - before)

    # The document takes over a second; a blocked loop would show it whole.
    assert longest_pause < 0.5


async def test_a_child_killed_at_work_is_reported_and_replaced() -> None:
    renderer = TypstRenderer()
    await renderer.start()
    rendering = asyncio.create_task(renderer.render(SLOW))
    await asyncio.sleep(0.1)
    os.kill(renderer.process_ids[0], signal.SIGKILL)

    with pytest.raises(RendererCrashed, match="ended with status -9"):
        await rendering

    assert (await renderer.render(_document("next"))).pages == 1
    await renderer.close()


async def test_a_child_that_hangs_is_killed_in_time_and_replaced() -> None:
    renderer = TypstRenderer(try_seconds=3)
    await renderer.start()
    os.kill(hung := renderer.process_ids[0], signal.SIGSTOP)

    with pytest.raises(RendererCrashed, match="took more than 3 s"):
        await renderer.render(_document("late"))

    assert not _is_running(hung)
    assert (await renderer.render(_document("next"))).pages == 1
    await renderer.close()


async def test_a_cancelled_document_leaves_no_child_at_work_and_a_working_renderer() -> None:
    renderer = TypstRenderer()
    await renderer.start()
    (child,) = renderer.process_ids
    rendering = asyncio.create_task(renderer.render(SLOW))
    await asyncio.sleep(0.1)

    rendering.cancel()
    with suppress(asyncio.CancelledError):
        await rendering

    assert not _is_running(child)
    assert (await renderer.render(_document("next"))).pages == 1
    await renderer.close()


async def test_a_greedy_document_is_stopped_at_the_memory_limit() -> None:
    renderer = TypstRenderer(memory_bytes=320 * 1024**2)

    with pytest.raises(RendererCrashed, match="ended with status"):
        await renderer.render(parse_markdown("lorem ipsum " * 50_000))

    await renderer.close()


async def test_closing_fails_the_document_under_way_and_ends_every_child() -> None:
    renderer = TypstRenderer(processes=2)
    await renderer.start()
    children = renderer.process_ids
    rendering = asyncio.create_task(renderer.render(SLOW))
    await asyncio.sleep(0.1)

    await renderer.close()

    with pytest.raises(RendererCrashed):
        await rendering
    assert [_is_running(child) for child in children] == [False, False]


async def test_a_closed_renderer_refuses_documents() -> None:
    renderer = TypstRenderer()
    await renderer.close()

    with pytest.raises(RendererCrashed, match="closed"):
        await renderer.render(_document("late"))


async def test_the_child_does_not_know_the_workers_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-canary")
    renderer = TypstRenderer()
    await renderer.start()

    environment = _environment(renderer.process_ids[0])
    await renderer.close()

    assert "canary" not in environment


def test_the_child_dies_with_its_worker() -> None:
    program = (
        "import asyncio, os, signal\n"
        "from durable_research.adapters.documents.typst import TypstRenderer\n"
        "async def main():\n"
        "    renderer = TypstRenderer()\n"
        "    await renderer.start()\n"
        "    print(renderer.process_ids[0], flush=True)\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
        "asyncio.run(main())\n"
    )
    worker = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    child = int(worker.stdout)

    deadline = time.monotonic() + 10
    while _is_running(child) and time.monotonic() < deadline:
        time.sleep(0.02)

    assert not _is_running(child)


def _environment(process_id: int) -> str:
    return Path(f"/proc/{process_id}/environ").read_text()


def _is_running(process_id: int) -> bool:
    try:
        return ") Z " not in Path(f"/proc/{process_id}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
