"""The console output of the one-machine edition: one line at a time, with the time in front."""

from collections.abc import Callable
from datetime import datetime
from typing import TextIO

Say = Callable[[str], None]


def console(stream: TextIO, *, prefix: str = "up") -> Say:
    """Return a `say` that writes `12:34:56 up | text` to `stream`, with this prefix on each line of a longer text."""

    def say(text: str) -> None:
        # The local time on purpose: the operator compares it with a wall clock.
        now = datetime.now().astimezone().strftime("%H:%M:%S")
        for line in text.splitlines():
            stream.write(f"{now} {prefix} | {line}\n")
        stream.flush()

    return say
