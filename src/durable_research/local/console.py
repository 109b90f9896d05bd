"""How the one-machine edition talks to the person who started it: one line at a time, with the time in front."""

from collections.abc import Callable
from datetime import datetime
from typing import TextIO

Say = Callable[[str], None]


def console(stream: TextIO, *, prefix: str = "up") -> Say:
    """Return a `say` that writes `12:34:56 up | text` to `stream`, each line of a longer text alike."""

    def say(text: str) -> None:
        # The local time on purpose: this is read by a person beside a wall clock.
        now = datetime.now().astimezone().strftime("%H:%M:%S")
        for line in text.splitlines():
            stream.write(f"{now} {prefix} | {line}\n")
        stream.flush()

    return say
