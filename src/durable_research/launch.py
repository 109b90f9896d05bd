"""The start of a child process: drop privileges, end with the parent, exec the program.

Below all other modules, since any room's child may have to end with its parent; only this module has the Linux calls for it.
Doing this between fork and exec of the supervisor (`preexec_fn`) would run Python in the copy of a process with
threads, which may deadlock. Runs as a script with the standard library alone (`python -I -S launch.py …`); the process
keeps its pid when it becomes the program.
"""

import ctypes
import os
import sys

_PR_SET_PDEATHSIG = 1


def tie_to_parent(parent: int, signal_number: int) -> None:
    """Have the kernel send us `signal_number` when the parent dies. Linux only: elsewhere `guard.py` alone does it."""
    if not sys.platform.startswith("linux"):
        return
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal_number, 0, 0, 0)
    if os.getppid() != parent:  # it died before prctl, so no signal would come
        os._exit(1)


def drop_privileges(user: int, group: int) -> None:
    """Drop every privilege permanently; the order matters, because a plain user may not change its groups."""
    os.setgroups([])
    os.setgid(group)
    os.setuid(user)


def main(arguments: list[str]) -> None:
    """`PARENT SIGNAL USER GROUP PROGRAM ARGUMENT…`; USER -1 leaves the user unchanged."""
    parent, signal_number, user, group = (int(text) for text in arguments[:4])
    program = arguments[4:]
    if user >= 0:
        drop_privileges(user, group)
    tie_to_parent(parent, signal_number)  # last: setuid clears the parent-death signal
    try:
        # Not execvp: that imports a module now, from a folder which the new user may not be able to read.
        os.execv(program[0], program)  # noqa: S606 - no shell on purpose
    except OSError as cause:
        sys.stderr.write(f"cannot start {program[0]}: {cause.strerror}\n")
        sys.exit(127)


if __name__ == "__main__":
    main(sys.argv[1:])
