"""Readiness checks: the supervisor checks its children over the same protocol that their clients use."""

import asyncio
import contextlib
import re

from durable_research.local.processes.child import Check, Child

ANSWER_SECONDS = 5.0


async def listens(host: str, port: int) -> bool:
    """Whether a process accepts TCP connections there."""
    try:
        _, writer = await asyncio.open_connection(host, port)
    except OSError:
        return False
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()
    return True


async def answers(host: str, port: int, path: str) -> bool:
    """Whether `GET path` is answered by 200, and soon: a process that listens but does not answer is not up."""
    try:
        async with asyncio.timeout(ANSWER_SECONDS):
            return await _answers(host, port, path)
    except TimeoutError:
        return False


async def _answers(host: str, port: int, path: str) -> bool:
    try:
        reader, writer = await asyncio.open_connection(host, port)
    except OSError:
        return False
    try:
        writer.write(f"GET {path} HTTP/1.1\r\nHost: {host}:{port}\r\nConnection: close\r\n\r\n".encode())
        await writer.drain()
        status = await reader.readline()
    except OSError:
        return False
    finally:
        writer.close()
    return re.match(rb"HTTP/1\.[01] 200\b", status) is not None


def on_http(host: str, port: int, path: str) -> Check:
    """Ready when `GET path` answers 200."""

    async def check(child: Child) -> bool:
        return await answers(host, port, path)

    return check


def on_tcp(host: str, port: int) -> Check:
    """Ready when the port accepts connections."""

    async def check(child: Child) -> bool:
        return await listens(host, port)

    return check


def on_log(text: str) -> Check:
    """Ready when the child has written `text` since it started."""

    async def check(child: Child) -> bool:
        return text in child.log_since_start()

    return check


def all_of(*checks: Check) -> Check:
    """Ready when every check passes."""

    async def check(child: Child) -> bool:
        for each in checks:
            if not await each(child):
                return False
        return True

    return check
