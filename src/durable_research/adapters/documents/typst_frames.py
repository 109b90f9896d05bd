"""The protocol between the worker and its typesetting child: frames, each a length and that many bytes.

A request is a document as JSON. An answer is one byte for the child's next state, one byte for the kind, and the content. The
worker imports this and not the child's own module, so that Typst's 70 MB are loaded in the child alone.
"""

import struct
from typing import BinaryIO

# The child's next state: it waits for another document, or exits because it has grown.
STAYS, EXITS = b"+", b"-"
# The kinds: ready; a number of pages and a PDF; or the reason why this document cannot be typeset.
READY, PDF, REFUSED = b"R", b"P", b"E"
LENGTH = struct.Struct(">I")
# The exit status when Python has reached the memory limit.
OUT_OF_MEMORY = 75


def receive(stream: BinaryIO) -> bytes | None:
    """Return the next frame, or None when the other side has closed."""
    header = stream.read(LENGTH.size)
    if len(header) < LENGTH.size:
        return None
    return stream.read(LENGTH.unpack(header)[0])


def send(stream: BinaryIO, frame: bytes) -> None:
    """Write one frame and flush it."""
    stream.write(LENGTH.pack(len(frame)) + frame)
    stream.flush()
