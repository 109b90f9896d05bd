"""What a workflow has left behind, counted at its place: rows, objects and messages."""

import httpx
from sqlalchemy import text

from tests.pipelines.conftest import Harness

NOTHING = {"rows": 0, "embeddings": 0, "drafts": 0, "objects": 0, "messages": 0}
WHOLE = {"rows": 1, "embeddings": 1, "drafts": 0, "objects": 1, "messages": 1}


async def left(harness: Harness, workflow_id: str) -> dict[str, int]:
    """Counts by kind."""
    async with harness.database.one() as connection:
        rows = await connection.execute(
            text(
                "SELECT (SELECT count(*) FROM posts WHERE post_id = :id)"
                " + (SELECT count(*) FROM reports WHERE report_id = :id)"
            ),
            {"id": workflow_id},
        )
        vectors = await connection.execute(
            text("SELECT count(*) FROM embeddings WHERE subject_id = :id"), {"id": workflow_id}
        )
        drafts = await connection.execute(
            text("SELECT count(*) FROM drafts WHERE workflow_id = :id"), {"id": workflow_id}
        )
    return {
        "rows": rows.scalar_one(),
        "embeddings": vectors.scalar_one(),
        "drafts": drafts.scalar_one(),
        "objects": len([one async for one in harness.objects.list(f"default/{workflow_id}")]),
        "messages": messages(harness, workflow_id),
    }


def messages(harness: Harness, workflow_id: str) -> int:
    """The channel's messages with a link to this workflow."""
    with httpx.Client(
        timeout=30, base_url=harness.servers.up["simulator"], headers={"authorization": "Bearer xoxb-test"}
    ) as client:
        answer = client.get("/api/conversations.history", params={"channel": "C0PIPELINES", "limit": "999"}).json()
    return sum(workflow_id in message["text"] for message in answer["messages"])


async def undone(harness: Harness, workflow_id: str) -> list[str]:
    """The undos that are done by the log, in order."""
    events = await harness.progress.read(workflow_id)
    undos = {"compensate_generate", "delete_message", "delete_embedding", "delete_post"}
    return [event.step for event in events if event.step in undos and str(event.kind) == "attempt_completed"]
