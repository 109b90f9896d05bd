"""Where objects lie in the store, `tenant/workflow/hash.suffix`: no other module knows this layout.

The hash is of the bytes, so that a repeated step stores nothing new. The suffix says what an object is.
"""

import hashlib
from enum import StrEnum
from pathlib import PurePosixPath

from durable_research.domain.workflow_ref import WorkflowRef


class Suffix(StrEnum):
    """What an object is."""

    TEXT = ".md"
    EDITED_TEXT = ".edited.md"  # a person changed it
    CUT_TEXT = ".cut.md"  # the model ended it at its longest, and a continuation added nothing
    PDF = ".pdf"
    PAGE = ".html"  # of the text or PDF beside it


def content_hash(content: bytes) -> str:
    """The SHA-256 by which an object is named and checked."""
    return hashlib.sha256(content).hexdigest()


def object_key(workflow: WorkflowRef, sha256: str, suffix: Suffix) -> str:
    """The key of a workflow's object with these bytes."""
    return f"{folder_of(workflow)}/{sha256}{suffix}"


def folder_of(workflow: WorkflowRef) -> str:
    """What the keys of all objects of a workflow begin with."""
    return f"{workflow.tenant}/{workflow.workflow_id}"


def workflow_of(key: str) -> str | None:
    """The id in the place of the workflow's; None for a key that is laid out otherwise."""
    parts = key.split("/")
    return parts[1] if len(parts) == 3 else None


def page_key(key: str) -> str:
    """Where the page of a text or PDF with this key lies: beside it, made once, so that no view reads the Markdown again."""
    return str(PurePosixPath(key).with_suffix(Suffix.PAGE))
