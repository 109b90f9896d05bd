"""PDF by Typst, in warm child processes that a hostile document may kill without harm."""

import asyncio
import os
import signal
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from contextlib import suppress
from typing import cast

from durable_research.adapters.documents.fitting import MEMORY_BYTES, budget_of, fitted, weight
from durable_research.adapters.documents.typst_frames import EXITS, LENGTH, OUT_OF_MEMORY, PDF, READY, REFUSED
from durable_research.domain.documents.tree import Document, RenderedDocument
from durable_research.domain.errors import DocumentError, RendererCrashed

_CHILD_MODULE = "durable_research.adapters.documents.typst_child"
# A start measured 0.4 s on an idle machine; a busy one may be many times slower.
_START_SECONDS = 30.0
_END_SECONDS = 5.0
# Each thread of Typst's reserves address space, so their number is fixed and not the machine's.
_THREADS = "2"
# The exit codes of a child that reached its memory limit: from Typst, or from Python itself.
_OUT_OF_MEMORY = {-signal.SIGABRT, OUT_OF_MEMORY}
# The sums of fitting.py are bounds; if one is wrong all the same, a smaller part of the document is typeset.
_SHARES = (1.0, 0.5, 0.25)
# A child that has typeset some documents caches what it may need again, and has room for small ones only.
_SMALL = 0.4


class TypstRenderer:
    """A DocumentRenderer that owns `processes` children and gives each at most `try_seconds` for a document.

    A child that hangs, dies, or is left behind by a cancelled caller is killed; the next document in its place starts
    a new one.
    """

    def __init__(self, processes: int = 1, try_seconds: float = 30.0, memory_bytes: int = MEMORY_BYTES) -> None:
        self._budget = budget_of(memory_bytes)
        self._children = [_Child(try_seconds, memory_bytes) for _ in range(processes)]
        self._idle: asyncio.LifoQueue[_Child] = asyncio.LifoQueue()
        for child in self._children:
            self._idle.put_nowait(child)
        self._closed = False

    async def start(self) -> None:
        """Start every child now, so that the first document does not wait for it."""
        await asyncio.gather(*(self._warm() for _ in self._children))

    async def _warm(self) -> None:
        child = await self._idle.get()
        try:
            await child.start()
        finally:
            self._idle.put_nowait(child)

    @property
    def process_ids(self) -> list[int]:
        """The children that are alive now."""
        return [child.pid for child in self._children if child.pid is not None]

    async def render(self, document: Document) -> RenderedDocument:
        """Return the document as a tagged PDF (PDF/UA-1): the same bytes for the same document.

        Raises:
            DocumentError: this document cannot be typeset; the message names the part.
            RendererCrashed: the child crashed or exceeded its time.
        """
        for share in _SHARES:
            request, is_small = await asyncio.to_thread(self._request, document, share)
            with suppress(_OutOfMemory):
                return _read(await self._typeset(request, in_new_process=not is_small))
        raise RendererCrashed("the document does not fit the memory of a rendering process")

    def _request(self, document: Document, share: float) -> tuple[bytes, bool]:
        fitting = fitted(document, int(self._budget * share))
        return fitting.model_dump_json().encode(), weight(fitting) < self._budget * _SMALL

    async def _typeset(self, request: bytes, *, in_new_process: bool) -> bytes:
        child = await self._idle.get()
        try:
            if self._closed:
                raise RendererCrashed("the renderer is closed")
            return await child.typeset(request, in_new_process=in_new_process)
        finally:
            self._idle.put_nowait(child)

    async def close(self) -> None:
        """End every child; a document under way, and any later one, fails with RendererCrashed."""
        self._closed = True
        for child in self._children:
            child.interrupt()
        # Each child returns to the queue when its caller has failed.
        returned = [await self._idle.get() for _ in self._children]
        for child in returned:
            await child.kill()
            self._idle.put_nowait(child)


def _read(answer: bytes) -> RenderedDocument:
    kind, rest = answer[:1], answer[1:]
    if kind == REFUSED:
        raise DocumentError(rest.decode())
    if kind != PDF:
        raise RendererCrashed(f"the rendering process answered with an unknown frame {kind!r}")
    pages = LENGTH.unpack(rest[: LENGTH.size])[0]
    return RenderedDocument(content=rest[LENGTH.size :], media_type="application/pdf", pages=pages)


class _OutOfMemory(RendererCrashed):
    """The child reached its memory limit."""


class _Child:
    """One child process, started when needed and killed rather than repaired."""

    def __init__(self, try_seconds: float, memory_bytes: int) -> None:
        self._try_seconds = try_seconds
        self._arguments = [str(memory_bytes), str(try_seconds), str(os.getpid())]
        self._process: Process | None = None
        self._has_worked = False

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process is not None and self._process.returncode is None else None

    async def start(self) -> None:
        if self.pid is not None:
            return
        await self.kill()
        self._has_worked = False
        self._process = await asyncio.create_subprocess_exec(
            sys.executable, "-P", "-m", _CHILD_MODULE, *self._arguments,
            stdin=PIPE, stdout=PIPE, stderr=DEVNULL, env=_environment(),
            # Ctrl-C in the worker's terminal must not end a document that the worker still waits for.
            start_new_session=True,
        )  # fmt: skip
        if await self._guarded(None, _START_SECONDS) != READY:
            await self.kill()
            raise RendererCrashed("the rendering process did not say that it is ready")

    async def typeset(self, request: bytes, *, in_new_process: bool = False) -> bytes:
        if in_new_process and self._has_worked:
            await self.kill()
        await self.start()
        self._has_worked = True
        return await self._guarded(request, self._try_seconds)

    def interrupt(self) -> None:
        """Kill the process, so that the pending call fails; that call cleans up."""
        if self._process is not None:
            with suppress(ProcessLookupError):
                self._process.kill()

    async def kill(self) -> None:
        self.interrupt()
        process, self._process = self._process, None
        if process is None:
            return
        # Pipes are closed and the process is reaped even when the caller is cancelled again.
        await asyncio.shield(process.communicate())

    async def _guarded(self, request: bytes | None, seconds: float) -> bytes:
        """Exchange one pair of frames; after an error, no process is left."""
        process, is_reusable = cast(Process, self._process), False
        try:
            async with asyncio.timeout(seconds):
                answer = await _exchange(process, request)
            is_reusable = answer[:1] != EXITS
            return answer[1:]
        except TimeoutError as cause:
            raise RendererCrashed(f"the rendering process took more than {seconds:g} s and was killed") from cause
        except (asyncio.IncompleteReadError, ConnectionError) as cause:
            # It ends by itself; reading its status first avoids killing a process that is already reaped.
            with suppress(TimeoutError):
                await asyncio.wait_for(process.wait(), _END_SECONDS)
            ended = _OutOfMemory if process.returncode in _OUT_OF_MEMORY else RendererCrashed
            raise ended(f"the rendering process ended with status {process.returncode}") from cause
        finally:
            # A cancelled caller ends here too: the child may be writing an answer that has no reader.
            if not is_reusable:
                await self.kill()


async def _exchange(process: Process, request: bytes | None) -> bytes:
    requests, answers = cast(asyncio.StreamWriter, process.stdin), cast(asyncio.StreamReader, process.stdout)
    if request is not None:
        requests.write(LENGTH.pack(len(request)) + request)
        await requests.drain()
    (length,) = LENGTH.unpack(await answers.readexactly(LENGTH.size))
    return await answers.readexactly(length)


def _environment() -> dict[str, str]:
    """The variables that an interpreter needs, without the worker's secrets."""
    return {
        "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
        "PYTHONHASHSEED": "0",
        "RAYON_NUM_THREADS": _THREADS,
        "MALLOC_ARENA_MAX": "2",
    }
