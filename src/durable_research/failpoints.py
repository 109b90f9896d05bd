"""Places where a test may kill or pause this process on purpose, by name; off unless the environment asks.

`DURABLE_RESEARCH_FAILPOINTS="llm_call.sent=kill@1"` kills the process with SIGKILL at the first time that any process of the
installation comes by; `kill@1-3` at the first three times, `pause@2:5` pauses five seconds at the second. Hits are counted in
one file of the installation's data folder, so that a restarted worker is not killed for ever.
Settings for production refuse to start with any of it.
"""

import asyncio
import fcntl
import json
import os
import re
import signal
import time
from dataclasses import dataclass
from pathlib import Path

LLM_CALL_INTENT = "llm_call.intent"  # the intent is committed, nothing is sent
LLM_CALL_SENT = "llm_call.sent"  # the provider has accepted, its id is committed
LLM_CALL_ANSWERED = "llm_call.answered"  # the answer is here, nothing of it is stored
LLM_CALL_STORED = "llm_call.stored"  # the text is stored, the effect is not settled
LLM_CALL_SETTLED = "llm_call.settled"  # the effect is settled, the engine does not know
CREATE_PDF_RENDERED = "create_pdf.rendered"  # the PDF is rendered, not stored
CREATE_PDF_STORED = "create_pdf.stored"  # the PDF is stored, the engine does not know
STORE_REPORT_METADATA_STORED = "store_report_metadata.stored"  # the row is committed, the engine does not know
SEND_NOTIFICATION_INTENT = "send_notification.intent"
SEND_NOTIFICATION_SENT = "send_notification.sent"

NAMES = frozenset(value for name, value in list(globals().items()) if name.isupper() and isinstance(value, str))
ENVIRONMENT = "DURABLE_RESEARCH_FAILPOINTS"
LOG_NAME = "failpoints.jsonl"
_RULE = re.compile(r"(?P<name>[a-z_.]+)=(?P<act>kill|pause)@(?P<first>\d+)(-(?P<last>\d+))?(:(?P<seconds>[\d.]+))?")


class UnknownFailpoint(ValueError):
    """The environment names a failpoint or an action that does not exist."""


@dataclass(frozen=True)
class _Rule:
    act: str
    first: int
    last: int
    seconds: float


def parse(text: str) -> dict[str, _Rule]:
    """Read the rules of `DURABLE_RESEARCH_FAILPOINTS`, separated by commas.

    Raises:
        UnknownFailpoint: a rule is malformed or names no failpoint of ours.
    """
    rules = {}
    for part in filter(None, (piece.strip() for piece in text.split(","))):
        match = _RULE.fullmatch(part)
        if match is None or match["name"] not in NAMES:
            known = ", ".join(sorted(NAMES))
            raise UnknownFailpoint(f"{part!r} is no failpoint rule; write NAME=kill@1, with one of: {known}")
        first = int(match["first"])
        rules[match["name"]] = _Rule(match["act"], first, int(match["last"] or first), float(match["seconds"] or 1))
    return rules


async def reach(name: str) -> None:
    """Come by the failpoint; without a rule for it this does nothing."""
    text = os.environ.get(ENVIRONMENT)
    rule = parse(text).get(name) if text else None
    if rule is None:
        return
    hit = _count(name, rule)
    if not rule.first <= hit <= rule.last:
        return
    if rule.act == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    await asyncio.sleep(rule.seconds)


def _count(name: str, rule: _Rule) -> int:
    """Append this hit to the installation's log, on disk before anything happens, and return its number."""
    path = Path(os.environ.get("DURABLE_RESEARCH_DATA", ".")) / LOG_NAME
    with path.open("a+") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        file.seek(0)
        hit = 1 + sum(1 for line in file if json.loads(line)["name"] == name)
        line = {
            "at": time.time(),
            "name": name,
            "hit": hit,
            "pid": os.getpid(),
            "act": rule.act if rule.first <= hit <= rule.last else "pass",
        }
        file.write(json.dumps(line) + "\n")
        file.flush()
        os.fsync(file.fileno())
    return hit
