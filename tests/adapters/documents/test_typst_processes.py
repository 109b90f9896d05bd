"""The typesetting child processes: whatever a document does to one, the worker runs on and the next document is typeset."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest

from durable_research.adapters.documents import typst
from durable_research.adapters.documents.typst import TypstRenderer
from durable_research.domain.documents import tree as doc
from durable_research.domain.errors import RendererCrashed

# Long enough to be interrupted on any machine: it takes more than a second on an idle one.
SLOW = doc.Document(title="Slow", blocks=(doc.Paragraph(inlines=(doc.Text(text="x" * 200_000),)),))


def _document(text: str) -> doc.Document:
    return doc.Document(title="Title", blocks=(doc.Paragraph(inlines=(doc.Text(text=text),)),))


async def test_the_event_loop_is_not_blocked_while_a_document_is_typeset(renderer: TypstRenderer) -> None:
    turns = 0
    rendering = asyncio.create_task(renderer.render(SLOW))
    while not rendering.done():
        await asyncio.sleep(0.01)
        turns += 1

    # The document takes over a second, and longer where the machine is busy; a blocked loop would turn once or twice.
    assert turns > 10


async def test_a_child_killed_while_rendering_is_reported_and_replaced() -> None:
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


async def test_cancelling_a_document_ends_its_child_and_the_renderer_still_works() -> None:
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


_WORDS = (doc.Text(text="ab cd "),)
_MISSING, _STRONG = (doc.Text(text="বাংলা " * 50),), (doc.Strong(children=(doc.Text(text="bold"),)), doc.Text(text=" w "))
_GREEDY: dict[str, tuple[doc.Block, ...]] = {
    "prose": (doc.Paragraph(inlines=(doc.Text(text="The tide rises and falls. " * 40),)),) * 800,
    "one word": (doc.Paragraph(inlines=(doc.Text(text="x" * 1_000_000),)),),
    "paragraphs": (doc.Paragraph(inlines=_WORDS),) * 20_000,
    "bold type": (doc.Paragraph(inlines=_STRONG * 20),) * 1_000,
    "items": (doc.BulletList(items=((doc.Paragraph(inlines=_WORDS),),) * 15_000),),
    "headings": (doc.Heading(level=2, inlines=_WORDS),) * 15_000,
    "cells": (doc.Table(header=(_WORDS,) * 5, alignments=("start",) * 5, rows=((_WORDS,) * 5,) * 900),) * 4,
    "code": (doc.CodeBlock(text="x\n" * 300_000),),
    "coloured code": (doc.CodeBlock(language="python", text="x = f(y) + 1\n" * 1_500),) * 10,
    "no glyphs": (doc.Paragraph(inlines=_MISSING),) * 1_000,
}


@pytest.mark.parametrize("blocks", _GREEDY.values(), ids=_GREEDY)
async def test_the_largest_documents_are_typeset_in_256_megabytes(
    renderer: TypstRenderer, blocks: tuple[doc.Block, ...]
) -> None:
    """A child ends itself at its limit; its peak memory is read while it runs."""
    await renderer.render(_document("small"))
    document = doc.Document(title="T", blocks=blocks)

    rendering, peaks = asyncio.create_task(renderer.render(document)), [0]
    while not rendering.done():
        peaks += [_peak_kilobytes(child) for child in renderer.process_ids]
        await asyncio.sleep(0.02)

    assert (await rendering).pages > 20
    assert max(peaks) <= 256 * 1024


async def test_a_document_that_needs_too_much_memory_is_shortened(monkeypatch: pytest.MonkeyPatch) -> None:
    request_sizes: list[int] = []

    async def ask(_child: object, request: bytes, *, in_new_process: bool) -> bytes:
        request_sizes.append(len(request))
        if len(request_sizes) < 3:
            raise typst._OutOfMemory("reached its limit")
        return b"P" + (1).to_bytes(4, "big") + b"%PDF"

    monkeypatch.setattr(typst._Child, "typeset", ask)

    rendered = await TypstRenderer().render(
        doc.Document(title="T", blocks=(doc.Paragraph(inlines=_STRONG * 20),) * 1_000)
    )

    assert rendered.content == b"%PDF"
    assert request_sizes[0] > request_sizes[1] > request_sizes[2]


def _peak_kilobytes(process_id: int) -> int:
    try:
        status = Path(f"/proc/{process_id}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return next((int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM")), 0)


async def test_closing_the_renderer_fails_the_running_document_and_ends_every_child() -> None:
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


async def test_the_child_does_not_get_the_workers_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
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
