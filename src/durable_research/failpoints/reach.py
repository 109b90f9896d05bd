"""Failpoints: named places where a test kills, pauses or freezes this process; off unless an environment variable is set.

`DURABLE_RESEARCH_FAILPOINTS="llm_call.sent=kill@1"` kills with SIGKILL the first process of the installation that reaches the
failpoint; `kill@1-3` does so at the first three hits, `kill@1:0.2` 0.2 seconds later, while the work continues. `pause@2:5`
stops the work there for five seconds while the process runs; `freeze@1:5` stops the whole process (SIGSTOP) with its
heartbeats. `kill@1/workflow` counts the hits of each workflow separately.

Hits are counted in one file of the installation's data folder, so that a restarted worker is not killed again and again.
Settings for production refuse to start with any failpoint.
"""

import asyncio
import fcntl
import json
import os
import re
import signal
import subprocess
import time
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path


class Place(StrEnum):
    """Where an effect may be interrupted, in order; a step's failpoint is `step.place`."""

    BEGUN = "begun"  # nothing is committed
    INTENT = "intent"  # the intent is committed, the fence is not checked
    CHECKED = "checked"  # the fence is checked, no request is sent
    SENDING = "sending"  # the request is sent; reached in parallel with it, so that a kill can hit while it waits
    ACCEPTED = "accepted"  # the provider has accepted the request, its id is not committed
    SENT = "sent"  # the provider's id is committed
    ANSWERED = "answered"  # the answer is received, not stored
    STORED = "stored"  # the result is stored, the effect is not settled
    SETTLED = "settled"  # the effect is settled, the engine has no result


class UndoPlace(StrEnum):
    """Where an undo may be interrupted; its failpoint is `undo.place`."""

    BEGUN = "undo_begun"  # the undo has not begun
    DONE = "undo_done"  # it is undone, the engine has no result


class Point(StrEnum):
    """The failpoints named in code; those of effects and undos follow from the table of steps."""

    START_BEGUN = "start.begun"  # a valid request, nothing is committed
    START_ACCEPTED = "start.accepted"  # it is accepted, the client has no answer
    START_SUBMITTING = "start.giving"  # it is accepted, not submitted to the engine
    START_SUBMITTED = "start.given"  # the engine has it, our row is not updated
    RESUME_BEGUN = "resume.begun"  # a valid request to resume, nothing is committed
    RESUME_WRITTEN = "resume.written"  # the workflow is resumed, without an answer to the client or a run in the engine
    APPROVE_SENT = "approve.sent"  # the workflow has the decision, its sender has no answer
    EVENTS_STREAMING = "events.streaming"  # an event is sent to a stream's reader
    CREATE_PDF_RENDERED = "create_pdf.rendered"  # the PDF is rendered, not stored
    CREATE_PDF_STORED = "create_pdf.stored"  # the PDF is stored, the engine has no result
    STORE_REPORT_METADATA_STORED = "store_report_metadata.stored"  # the row is committed, the engine has no result


FAILPOINTS_VARIABLE = "DURABLE_RESEARCH_FAILPOINTS"
HITS_FILE = "failpoints.jsonl"
_RULE = re.compile(
    r"(?P<name>[a-z_.]+)=(?P<act>kill|pause|freeze)@(?P<first>\d+)(-(?P<last>\d+))?(:(?P<seconds>[\d.]+))?"
    r"(?P<each>/workflow)?"
)


class UnknownFailpoint(ValueError):
    """The environment names a failpoint or an action that does not exist."""


@dataclass(frozen=True)
class _Rule:
    act: str
    first: int
    last: int
    seconds: float
    each_workflow: bool


def parse(text: str) -> dict[str, _Rule]:
    """Read the rules of `DURABLE_RESEARCH_FAILPOINTS`, separated by commas.

    Raises:
        UnknownFailpoint: a rule is malformed.
    """
    rules = {}
    for part in filter(None, (piece.strip() for piece in text.split(","))):
        match = _RULE.fullmatch(part)
        if match is None:
            raise UnknownFailpoint(f"{part!r} is no failpoint rule; write NAME=kill@1")
        first = int(match["first"])
        seconds = float(match["seconds"] or (0 if match["act"] == "kill" else 1))
        rules[match["name"]] = _Rule(match["act"], first, int(match["last"] or first), seconds, bool(match["each"]))
    return rules


async def reach(name: str, workflow_id: str) -> None:
    """Act on the rule of this failpoint, if there is one."""
    text = os.environ.get(FAILPOINTS_VARIABLE)
    rule = parse(text).get(name) if text else None
    if rule is None:
        return
    hit = _count(name, rule, workflow_id)
    if not rule.first <= hit <= rule.last:
        return
    if rule.act == "freeze":
        _freeze(rule.seconds)
        return
    await asyncio.sleep(rule.seconds)
    if rule.act == "kill":
        os.kill(os.getpid(), signal.SIGKILL)


async def reach_effect(step: str, place: Place, workflow_id: str) -> None:
    """Reach a failpoint of an effect."""
    await reach(f"{step}.{place}", workflow_id)


async def reach_undo(undo: str, place: UndoPlace, workflow_id: str) -> None:
    """Reach a failpoint of an undo."""
    await reach(f"{undo}.{place}", workflow_id)


def _freeze(seconds: float) -> None:
    """Stop this process; another process continues it."""
    pid = os.getpid()
    subprocess.Popen(["sh", "-c", 'sleep "$1"; kill -CONT "$2"', "wake", f"{seconds:g}", str(pid)])  # noqa: S603, S607 # numbers
    os.kill(pid, signal.SIGSTOP)


def _count(name: str, rule: _Rule, workflow_id: str) -> int:
    """Append this hit to the installation's log, on disk before it takes effect, and return its number."""
    path = Path(os.environ.get("DURABLE_RESEARCH_DATA", ".")) / HITS_FILE
    with path.open("a+") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        file.seek(0)
        earlier = [line for line in map(json.loads, file) if line["name"] == name]
        hit = 1 + sum(1 for line in earlier if not rule.each_workflow or line["workflow_id"] == workflow_id)
        line = {
            "at": time.time(),
            "name": name,
            "workflow_id": workflow_id,
            "hit": hit,
            "pid": os.getpid(),
            "act": rule.act if rule.first <= hit <= rule.last else "pass",
        }
        file.write(json.dumps(line) + "\n")
        file.flush()
        os.fsync(file.fileno())
    return hit
