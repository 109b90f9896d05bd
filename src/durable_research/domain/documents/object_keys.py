"""The layout of the object store, `tenant/workflow/hash.suffix`, in this module alone.

The hash is of the bytes, so that a repeated step stores nothing new. The suffix is the kind of the object.
"""

import hashlib
from enum import StrEnum
from pathlib import PurePosixPath

from durable_research.domain.workflow_ref import WorkflowRef


class Suffix(StrEnum):
    """The kind of an object."""

    TEXT = ".md"
    EDITED_TEXT = ".edited.md"  # a person changed it
    CUT_TEXT = ".cut.md"  # the model reached its length limit, and a continuation added nothing
    PDF = ".pdf"
    PAGE = ".html"  # of the text or PDF beside it


def content_hash(content: bytes) -> str:
    """The SHA-256 that names and checks an object."""
    return hashlib.sha256(content).hexdigest()


def object_key(workflow: WorkflowRef, sha256: str, suffix: Suffix) -> str:
    """The key of a workflow's object with these bytes."""
    return f"{folder_of(workflow)}/{sha256}{suffix}"


def folder_of(workflow: WorkflowRef) -> str:
    """The common prefix of the keys of a workflow's objects."""
    return f"{workflow.tenant}/{workflow.workflow_id}"


def workflow_of(key: str) -> str | None:
    """The workflow id in a key; None for a key of another layout."""
    parts = key.split("/")
    return parts[1] if len(parts) == 3 else None


def page_key(key: str) -> str:
    """The key of the page of a text or PDF: beside it, made once, so that no view parses the Markdown again."""
    return str(PurePosixPath(key).with_suffix(Suffix.PAGE))
