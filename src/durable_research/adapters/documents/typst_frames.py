"""How the worker and its typesetting child speak: frames, each a length and that many bytes.

A request is a document as JSON. An answer is one byte of fate, one byte of kind, and what belongs to the kind. The
worker imports this and not the child's own module, so that Typst's 70 MB are loaded in the child alone.
"""

import struct
from typing import BinaryIO

# What the child does next: wait for another document, or end because it has grown.
STAYING, LEAVING = b"+", b"-"
# What it says: warm; a number of pages and a PDF; or why this document cannot be typeset.
READY, PDF, REFUSED = b"R", b"P", b"E"
LENGTH = struct.Struct(">I")
# The status by which it ends when Python has no memory left within its limit.
OUT_OF_MEMORY = 75


def receive(stream: BinaryIO) -> bytes | None:
    """Return the next frame, or None when the other side has gone."""
    header = stream.read(LENGTH.size)
    if len(header) < LENGTH.size:
        return None
    return stream.read(LENGTH.unpack(header)[0])


def send(stream: BinaryIO, frame: bytes) -> None:
    """Write one frame and push it out."""
    stream.write(LENGTH.pack(len(frame)) + frame)
    stream.flush()
