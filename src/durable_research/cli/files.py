"""Writing what was fetched: whole or not at all, and no bytes onto a terminal."""

import os
import sys
import tempfile
from pathlib import Path

import click

from durable_research.cli.running import Exit, stop
from durable_research.cli.terminal import clean, clean_lines

STDOUT = "-"


def check_writable(target: str) -> None:
    """Leave now rather than after the work when the file cannot be written."""
    path = Path(target)
    if path.is_dir() or not os.access(path if path.exists() else path.parent, os.W_OK):
        stop(f"cannot write {clean(target)}", "name a file in a folder that exists and is yours", Exit.USAGE)


def write(target: str, data: bytes, *, is_text: bool) -> None:
    """Write to a file, or to stdout when `target` is `-`; a text on a terminal is freed of what could steer it."""
    if target != STDOUT:
        try:
            _write_file(Path(target), data)
        except OSError as cause:
            stop(f"cannot write {clean(target)}: {cause.strerror}", "name another file", Exit.USAGE)
    elif not sys.stdout.isatty():
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
    elif is_text:
        click.echo(clean_lines(data.decode("utf-8", "replace")))
    else:
        stop("a PDF is not for a terminal", "name a file, or send stdout to one: … > report.pdf", Exit.USAGE)


def _write_file(path: Path, data: bytes) -> None:
    if path.exists() and not path.is_file():
        path.write_bytes(data)  # a device or pipe stays what it is
        return
    descriptor, partial = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
        Path(partial).chmod(0o666 & ~_umask())
        Path(partial).replace(path)
    except BaseException:
        Path(partial).unlink(missing_ok=True)
        raise


def _umask() -> int:
    """The rights that this user's files do not have; it can only be read by setting it."""
    now = os.umask(0o077)
    os.umask(now)
    return now
