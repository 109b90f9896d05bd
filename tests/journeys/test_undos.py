"""Kill the worker inside each undo: nothing of the post or text is left, and each undo is in the log once."""

import httpx
import psycopg

from tests.installation import Installation, until

NOTHING = {"rows": 0, "objects": 0, "messages": 0}
POST_UNDOS = ["delete_message", "delete_embedding", "delete_post"]


def kill_inside(undos: list[str]) -> str:
    """Kill the worker before and after each undo's work, once each."""
    return ",".join(f"{undo}.{place}=kill@1" for undo in undos for place in ("undo_begun", "undo_done"))


def rows(installation: Installation, workflow_id: str) -> int:
    with psycopg.connect(installation.up["database"]) as connection:
        found = connection.execute(
            "SELECT (SELECT count(*) FROM posts WHERE post_id = %(id)s)"
            " + (SELECT count(*) FROM embeddings WHERE subject_id = %(id)s)"
            " + (SELECT count(*) FROM drafts WHERE workflow_id = %(id)s)",
            {"id": workflow_id},
        ).fetchone()
    assert found is not None
    return int(found[0])


def left(installation: Installation, workflow_id: str) -> dict[str, int]:
    posted = len(installation.billing_log(workflow_id, kind="slack"))
    deleted = len(installation.billing_log(workflow_id, kind="slack_deleted"))
    objects = [path for path in (installation.data / "objects").rglob("*") if path.is_file()]
    return {
        "rows": rows(installation, workflow_id),
        "objects": sum(workflow_id in str(path) for path in objects),
        "messages": posted - deleted,
    }


def done_once(installation: Installation, workflow_id: str, undo: str) -> dict[str, int]:
    kinds = [event["kind"] for event in installation.events(workflow_id) if event.get("step") == undo]
    return {kind: kinds.count(kind) for kind in ("attempt_lost", "attempt_completed")}


def assert_each_was_killed_twice_and_done_once(installation: Installation, workflow_id: str, undos: list[str]) -> None:
    assert {undo: done_once(installation, workflow_id, undo) for undo in undos} == {
        undo: {"attempt_lost": 2, "attempt_completed": 1} for undo in undos
    }


def test_a_cancelled_post_with_an_unrecorded_message_is_undone_completely(own_installation: Installation) -> None:
    failpoints = f"{kill_inside(POST_UNDOS)},post_to_slack.accepted=pause@1:600"
    own_installation.environment["DURABLE_RESEARCH_FAILPOINTS"] = failpoints
    own_installation.start()
    post_id = own_installation.submit_with(pipeline="blog-post", prompt="Undone under fire")
    until("the message", lambda: own_installation.billing_log(post_id, kind="slack") or None)

    httpx.post(f"{own_installation.api}/api/workflows/{post_id}/cancel", timeout=60).raise_for_status()

    assert own_installation.finished(post_id)["status"] == "cancelled"
    assert left(own_installation, post_id) == NOTHING
    assert_each_was_killed_twice_and_done_once(own_installation, post_id, POST_UNDOS)


def test_a_text_whose_summary_fails_is_removed_despite_kills(own_installation: Installation) -> None:
    own_installation.environment["DURABLE_RESEARCH_FAILPOINTS"] = kill_inside(["compensate_generate"])
    own_installation.start()
    own_installation.simulator("faults", {"match": "Summarise this text:", "fault": "401", "kind": "model_call"})

    workflow_id = own_installation.submit_with(pipeline="ai-processing", prompt="Removed under fire")

    assert own_installation.finished(workflow_id)["status"] == "failed"
    assert left(own_installation, workflow_id) == NOTHING
    assert_each_was_killed_twice_and_done_once(own_installation, workflow_id, ["compensate_generate"])
