"""Keys of objects: every later version must find the objects stored under them."""

import pytest

from durable_research.domain.documents.object_keys import (
    Suffix,
    content_hash,
    folder_of,
    object_key,
    page_key,
    workflow_of,
)
from durable_research.domain.workflow_ref import WorkflowRef

EMPTY = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


@pytest.mark.parametrize(
    ("suffix", "key", "page"),
    [
        (Suffix.TEXT, f"t/w/{EMPTY}.md", f"t/w/{EMPTY}.html"),
        (Suffix.EDITED_TEXT, f"t/w/{EMPTY}.edited.md", f"t/w/{EMPTY}.edited.html"),
        (Suffix.CUT_TEXT, f"t/w/{EMPTY}.cut.md", f"t/w/{EMPTY}.cut.html"),
        (Suffix.PDF, f"t/w/{EMPTY}.pdf", f"t/w/{EMPTY}.html"),
    ],
)
def test_an_object_key_has_tenant_workflow_and_hash_and_a_page_key_beside_it(
    suffix: Suffix, key: str, page: str
) -> None:
    made = object_key(WorkflowRef("w", "t"), content_hash(b""), suffix)

    assert (made, page_key(made)) == (key, page)
    assert made.startswith(f"{folder_of(WorkflowRef('w', 't'))}/")


@pytest.mark.parametrize(
    ("key", "workflow_id"), [("t/w/hash.md", "w"), ("w/hash.md", None), ("t/w/more/hash.md", None), ("hash.md", None)]
)
def test_only_a_key_of_our_layout_names_a_workflow(key: str, workflow_id: str | None) -> None:
    assert workflow_of(key) == workflow_id
