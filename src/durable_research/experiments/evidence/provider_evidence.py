"""Evidence outside our code: the provider's log, the object folder, the log files. Read, never written."""

import hashlib
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from durable_research.experiments.evidence.database_evidence import NamedDocuments
from durable_research.experiments.evidence.evidence import Document

_NOTIFICATIONS = frozenset({"webhook", "slack", "email"})
_REPORT = re.compile(r"(?:report|post)-[0-9a-z]+")
_DELETED = "slack_deleted"
# Notifications other than "done", by webhook, Slack and mail: that a report failed, or waits for a decision.
_FAILED = re.compile(r'"type": "report\.failed"| failed: http|Your report failed')
_WAITING = re.compile(r'"type": "report\.(?!done")|waits for you: http|is asked for: ')


@dataclass(frozen=True)
class Bills:
    """The provider's log by report; `unexplained` are billed calls that belong to no report."""

    model_calls: Mapping[str, int]
    notifications: Mapping[str, int]
    unexplained: tuple[str, ...]
    failures: Mapping[str, int] = field(default_factory=dict)  # messages that the report failed


def bills(lines: Iterable[Mapping[str, Any]], words: Mapping[str, str], owners: Mapping[str, str]) -> Bills:
    """Count by the report's own word in the prompt; `words` maps it to the report, `owners` maps a ledger key to one.

    A call without such a word, or with another report's ledger key, is unexplained. A repeated notification, which its receiver
    recognises by its id, and one that was deleted do not count; a notification that something waits is not counted.
    """
    calls: Counter[str] = Counter()
    reported: Counter[str] = Counter()
    failures: Counter[str] = Counter()
    unexplained = []
    reports = set(words.values())
    for line in lines:
        if line["kind"] == "model_call":
            report = next((words[word] for word in line["text"].split() if word in words), None)
            if report is None or owners.get(line["key"], report) != report:
                unexplained.append(f"{line['id']} ({line['text'][:40]!r})")
            else:
                calls[report] += 1
        elif line["kind"] in _NOTIFICATIONS and not line.get("repeat"):
            named = set(_REPORT.findall(line["text"])) & reports
            if _FAILED.search(line["text"]):
                failures.update(named)
            elif not _WAITING.search(line["text"]):
                reported.update(named)
        elif line["kind"] == _DELETED:
            reported.subtract(set(_REPORT.findall(line["text"])) & reports)
    return Bills(calls, reported, tuple(unexplained), failures)


def documents(objects: Path, row: NamedDocuments, word: str) -> tuple[Document, ...]:
    """Read a report's two objects; the text must contain the report's own word, the PDF must begin and end as one."""
    text = _content(objects, row.text[0])
    found = (Document(row.text[0], _hash(text) == row.text[1], text is not None and word.encode() in text),)
    if row.pdf is None:
        return found
    pdf = _content(objects, row.pdf[0])
    return (*found, Document(row.pdf[0], _hash(pdf) == row.pdf[1], pdf is not None and _is_pdf(pdf)))


def _content(objects: Path, key: str) -> bytes | None:
    try:
        return (objects / key).read_bytes()
    except OSError:
        return None


def _hash(content: bytes | None) -> str | None:
    return None if content is None else hashlib.sha256(content).hexdigest()


def _is_pdf(content: bytes) -> bool:
    return content.startswith(b"%PDF-") and content.rstrip().endswith(b"%%EOF")


def stored(objects: Path) -> frozenset[str]:
    """The key of every object in the folder."""
    return frozenset(path.relative_to(objects).as_posix() for path in objects.rglob("*") if path.is_file())


def leaks(files: Iterable[Path], secrets: Mapping[str, str]) -> list[str]:
    """Which file contains which secret; `secrets` maps its name to its value."""
    found = []
    for path in files:
        content = path.read_bytes()
        found += [f"{path.name} holds {name}" for name, secret in secrets.items() if secret.encode() in content]
    return found
