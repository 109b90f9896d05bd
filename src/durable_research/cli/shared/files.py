"""Writes fetched files: atomically, and no binary data to a terminal."""

import os
import re
import sys
import tempfile
from pathlib import Path
from urllib.parse import unquote

import click

from durable_research.cli.shared.command import Exit, stop
from durable_research.cli.shared.terminal import clean, clean_lines

STDOUT = "-"


def check_writable(target: str) -> None:
    """Exit before the work rather than after it when the file cannot be written."""
    path = Path(target)
    if not os.access(path if path.exists() else path.parent, os.W_OK):
        stop(f"cannot write {clean(target)}", "name a file in a folder that exists and is yours", Exit.USAGE)


def write(target: str, data: bytes, name: str, *, is_text: bool) -> str:
    """Write to a file, or under `name` into a folder, and return where; or to stdout when `target` is `-`.

    Control characters are removed from a text on a terminal.
    """
    if target != STDOUT:
        path = Path(target, name) if Path(target).is_dir() else Path(target)
        try:
            _write_file(path, data)
        except OSError as cause:
            stop(f"cannot write {clean(path)}: {cause.strerror}", "name another file", Exit.USAGE)
        return str(path)
    if not sys.stdout.isatty():
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
    elif is_text:
        click.echo(clean_lines(data.decode("utf-8", "replace")))
    else:
        stop("a PDF is not for a terminal", "name a file, or send stdout to one: … > report.pdf", Exit.USAGE)
    return STDOUT


def name_in(disposition: str, path: str) -> str:
    """The file name of a Content-Disposition, preferably the UTF-8 one, else the last part of the path.

    The header is untrusted: a name that could lead to another folder, or is none, is not used.
    """
    extended = re.search(r"filename\*=UTF-8''([^;\s]+)", disposition, re.IGNORECASE)
    plain = re.search(r'filename="([^"]*)"', disposition, re.IGNORECASE)
    names = [unquote(extended[1]) if extended else "", plain[1] if plain else "", path.rpartition("/")[2]]
    return next(name for name in names if name and name == clean(name) and not name.startswith(".") and "/" not in name)


def _write_file(path: Path, data: bytes) -> None:
    if path.exists() and not path.is_file():
        path.write_bytes(data)  # a device or pipe is not replaced by a file
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
    """The permissions removed from this user's new files; it can only be read by setting it."""
    now = os.umask(0o077)
    os.umask(now)
    return now
