"""More rows of the table of bad inputs: approvals, edits, later starts, posts and texts."""

import json
from typing import Any

from tests.web.harness import DRAFT_SHA256, UNKNOWN
from tests.web.http.bad_inputs import DONE, JSON, OF_OTHERS, RUNNING, START, Bad, get, schedule, start

PARKED = "{parked}"
PARKED_BEFORE_NOTIFY = "{parked_to_be_told}"
POST = "{post}"
FAILED = "{failed}"
SILENT = "{silent}"
CANCELLED = "{cancelled}"
UNPAID = "{unpaid}"
SOON = "2027-01-01T09:00:00Z"
FOREIGN = {"Sec-Fetch-Site": "cross-site"}


def bad_post(id_: str, path: str, body: Any, status: int, code: str, pointer: str | None = None, **headers: str) -> Bad:
    """A POST with a bad JSON body."""
    return Bad(id_, path, status, code, "POST", json.dumps(body).encode(), JSON | headers, pointer)


def begins(id_: str, when: Any, code: str = "invalid_time") -> Bad:
    """A report with an invalid start time."""
    return bad_post(f"start-after-{id_}", START, {"prompt": "a", "start_after": when}, 422, code, "/start_after")


LATER = [
    begins("number", 1_800_000_000, "type"),
    begins("true", True, "type"),
    begins("words", "tomorrow"),
    begins("empty", ""),
    begins("without-offset", "2027-01-01T09:00:00"),
    begins("day", "2027-01-01"),
    begins("no-such-day", "2027-02-30T09:00:00Z"),
    begins("leap-second", "2027-01-01T09:00:60Z"),
    begins("offset-of-a-day", "2027-01-01T09:00:00+24:00"),
    begins("offset-with-seconds", "2027-01-01T09:00:00+01:00:30"),
    begins("before-all-days", "0001-01-01T00:00:00+14:00"),
    begins("arabic", "٢٠٢٧-01-01T09:00:00Z"),
    begins("week", "2027-W01-1T09:00:00Z"),
    begins("without-seconds", "2027-01-01T09:00Z"),
    begins("trailing", "2027-01-01T09:00:00Z\n"),
    begins("no-digits", "2027-01-01T09:00:00.Z"),
    begins("leap-second-at-noon", "2027-01-01T12:00:60Z"),
    begins("control", "2027-01-01T09:00:00Z\x07", "control_character"),
    begins("too-far", "2126-01-01T09:00:00Z", "out_of_range"),
    schedule("begins", b'{"prompt":"a","every":"1d","start_after":"%b"}' % SOON.encode(), 422, "unknown_field", "/start_after"),
]  # fmt: skip

OF_REQUESTS = [
    *(
        bad_post(f"approval-{name}", START, {"prompt": "a", "approval": value}, 422, "enum", "/approval")
        for name, value in (("unknown", "before_breakfast"), ("upper", "NONE"), ("empty", ""), ("true", True), ("list", []))
    ),
    schedule("approval", b'{"prompt":"a","every":"1d","approval":"always"}', 422, "enum", "/approval"),
    start("notify-string", b'{"prompt":"a","notify":"log"}', 422, "type", "/notify"),
    start("notify-nine", json.dumps({"prompt": "a", "notify": ["log"] * 9}).encode(), 422, "too_long", "/notify"),
    start("user-lines", b'{"prompt":"a","user":"a\\nb"}', 422, "control_character", "/user"),
    start("user-tab", b'{"prompt":"a","user":"a\\tb"}', 422, "control_character", "/user"),
    start("user-long", b'{"prompt":"a","user":"' + b"a" * 101 + b'"}', 422, "too_long", "/user"),
    start("title-blank", b'{"prompt":"a","title":" \\u200b"}', 422, "blank", "/title"),
    start("language-word", b'{"prompt":"a","language":"englishlanguage"}', 422, "pattern", "/language"),
    start("language-line", b'{"prompt":"a","language":"de\\n"}', 422, "pattern", "/language"),
    *(
        bad_post(f"{path}-{name}", f"/api/workflows/{path}", {"prompt": "a", name: value}, 422, "unknown_field", f"/{name}")
        for path, fields in (
            ("blog-post", {"start_after": SOON, "approval": "none", "notify": ["log"], "rules": {}}),
            ("ai-processing", {"start_after": SOON, "approval": "none", "notify": ["log"], "slack": True}),
            ("generate-report", {"slack": True, "rules": {}, "every": "1d"}),
        )
        for name, value in fields.items()
    ),
]  # fmt: skip


def post_(id_: str, slack: Any, code: str = "type") -> Bad:
    """A post with a bad word about Slack."""
    return bad_post(f"post-{id_}", "/api/workflows/blog-post", {"prompt": "a", "slack": slack}, 422, code, "/slack")


def text(id_: str, rules: Any, code: str, pointer: str = "/rules") -> Bad:
    """A checked text with bad rules."""
    return bad_post(f"text-{id_}", "/api/workflows/ai-processing", {"prompt": "a", "rules": rules}, 422, code, pointer)


OF_POSTS_AND_TEXTS = [
    post_("number", 1),
    post_("word", "yes"),
    post_("list", ["slack"]),
    post_("not-configured", True, "not_configured"),
    bad_post("post-no-prompt", "/api/workflows/blog-post", {}, 422, "required", "/prompt"),
    bad_post(
        "post-title-lines", "/api/workflows/blog-post", {"prompt": "a", "title": "a\nb"}, 422, "control_character", "/title"
    ),
    bad_post("text-no-prompt", "/api/workflows/ai-processing", {}, 422, "required", "/prompt"),
    text("null", None, "type"),
    text("list", [], "type"),
    text("word", "strict", "type"),
    text("unknown", {"is_nice": True}, "unknown_field", "/rules/is_nice"),
    text("least-negative", {"min_characters": -1}, "out_of_range", "/rules/min_characters"),
    text("least-too-large", {"min_characters": 100_001}, "out_of_range", "/rules/min_characters"),
    text("least-fraction", {"min_characters": 1.5}, "type", "/rules/min_characters"),
    text("least-word", {"min_characters": "200"}, "type", "/rules/min_characters"),
    text("least-true", {"min_characters": True}, "type", "/rules/min_characters"),
    text("most-none", {"max_characters": 0}, "out_of_range", "/rules/max_characters"),
    text("most-too-large", {"max_characters": 1_000_001}, "out_of_range", "/rules/max_characters"),
    text("crossed", {"min_characters": 300, "max_characters": 299}, "out_of_order"),
    text("crossed-by-default", {"max_characters": 199}, "out_of_order"),
    *(
        text(f"{name}-word", {name: "no"}, "type", f"/rules/{name}")
        for name in ("check_language", "forbid_refusal", "forbid_reasoning")
    ),
    get("text-of-running", f"/api/workflows/{RUNNING}/texts/text", 409, "not_ready"),
    get("text-of-report", f"/api/workflows/{DONE}/texts/summary", 404, "not_found"),
    get("text-name", f"/api/workflows/{POST}/texts/summary", 404, "not_found"),
    get("text-traversal", f"/api/workflows/{POST}/texts/..%2ftext", 404, "not_found"),
    get("text-nul", f"/api/workflows/{POST}/texts/text%00", 404, "not_found"),
    get("text-range", f"/api/workflows/{POST}/texts/text", 416, "range_not_satisfiable", Range="bytes=999-"),
    get("text-as-json", f"/api/workflows/{POST}/texts/text", 406, "not_acceptable", Accept="application/json"),
    get("text-query", f"/api/workflows/{POST}/texts/text?raw=1", 422, "unknown_parameter", "/raw"),
    get("related-query", f"/api/workflows/{POST}/related?limit=1", 422, "unknown_parameter", "/limit"),
    get("pdf-of-post", f"/api/reports/{POST}.pdf", 404, "not_found"),
]  # fmt: skip


def approve(id_: str, status: int, code: str, pointer: str | None = None, *, of: str = PARKED, **body: Any) -> Bad:
    """A decision that is none, about a draft that waits."""
    body_fields = {"decision": "approve", "draft_sha256": DRAFT_SHA256} | body
    sent = {name: value for name, value in body_fields.items() if value is not ...}
    return bad_post(f"approve-{id_}", f"/api/workflows/{of}/approve", sent, status, code, pointer)


def edit(id_: str, text: Any, code: str) -> Bad:
    """An edit with a bad text."""
    return approve(f"edit-{id_}", 422, code, "/text", decision="edit", text=text)


APPROVE = f"/api/workflows/{PARKED}/approve"
OK = json.dumps({"decision": "approve", "draft_sha256": DRAFT_SHA256}).encode()
OF_APPROVALS = [
    approve("no-decision", 422, "required", "/decision", decision=...),
    approve("unknown", 422, "enum", "/decision", decision="maybe"),
    approve("expire", 422, "enum", "/decision", decision="expire"),
    approve("list", 422, "enum", "/decision", decision=["approve"]),
    approve("no-hash", 422, "required", "/draft_sha256", draft_sha256=...),
    approve("short-hash", 422, "pattern", "/draft_sha256", draft_sha256="d" * 63),
    approve("long-hash", 422, "pattern", "/draft_sha256", draft_sha256="d" * 65),
    approve("upper-hash", 422, "pattern", "/draft_sha256", draft_sha256="D" * 64),
    approve("line-hash", 422, "pattern", "/draft_sha256", draft_sha256="d" * 64 + "\n"),
    approve("number-hash", 422, "type", "/draft_sha256", draft_sha256=1),
    approve("empty-id", 422, "pattern", "/decision_id", decision_id=""),
    approve("blank-id", 422, "pattern", "/decision_id", decision_id="a b"),
    approve("long-id", 422, "pattern", "/decision_id", decision_id="k" * 256),
    approve("other-letters-id", 422, "pattern", "/decision_id", decision_id="ключ"),
    approve("number-id", 422, "type", "/decision_id", decision_id=1),
    approve("field", 422, "unknown_field", "/why", why="because"),
    approve("with-text", 422, "required", "/text", text="# Mine"),
    approve("refuse-with-text", 422, "required", "/text", decision="refuse", text="# Mine"),
    approve("edit-without-text", 422, "required", "/text", decision="edit"),
    edit("null", None, "required"),
    edit("number", 1, "type"),
    edit("empty", "", "blank"),
    edit("blank", " \n\u200b", "blank"),
    edit("nul", "a\x00b", "control_character"),
    edit("c1", "a\x9b", "control_character"),
    edit("surrogate", "\ud800", "invalid_unicode"),
    edit("marks-without-words", "# \n\n> \n", "blank"),
    approve("other-draft", 409, "invalid_state", draft_sha256="e" * 64),
    approve("edit-of-what-is-told", 422, "enum", "/decision", of=PARKED_BEFORE_NOTIFY, decision="edit", text="# Mine"),
    approve("running", 409, "invalid_state", of=RUNNING),
    approve("done", 409, "invalid_state", of=DONE),
    Bad("approve-array", APPROVE, 422, "not_an_object", "POST", b"[]", JSON),
    Bad("approve-cut", APPROVE, 400, "malformed_json", "POST", b"{", JSON),
    Bad("approve-twice", APPROVE, 400, "duplicate_key", "POST", OK[:-1] + b',"decision":"refuse"}', JSON),
    Bad("approve-form", APPROVE, 415, "unsupported_media_type", "POST", OK, {"Content-Type": "text/plain"}),
    Bad("approve-foreign", APPROVE, 403, "csrf_failed", "POST", OK, JSON | FOREIGN),
    Bad("approve-key", APPROVE, 400, "invalid_idempotency_key", "POST", OK, JSON | {"Idempotency-Key": "a b"}),
    Bad("approve-large", APPROVE, 413, "body_too_large", "POST", b'"' + b"a" * 1_050_000 + b'"', JSON),
    Bad("approve-get", APPROVE, 405, "method_not_allowed"),
    bad_post("decide-parked", f"/api/workflows/{PARKED}/decide", {"decision": "give_up"}, 409, "invalid_state"),
    bad_post("decide-approve", f"/api/workflows/{PARKED}/decide", {"decision": "approve"}, 422, "enum", "/decision"),
    bad_post("decide-not-offered", f"/api/workflows/{UNPAID}/decide", {"decision": "try_again"}, 422, "enum", "/decision"),
    get("draft-of-running", f"/api/workflows/{RUNNING}/draft", 409, "invalid_state"),
    get("draft-of-done", f"/api/workflows/{DONE}/draft", 409, "invalid_state"),
    get("draft-range", f"/api/workflows/{PARKED}/draft", 416, "range_not_satisfiable", Range="bytes=9999-"),
    get("draft-as-pdf", f"/api/workflows/{PARKED}/draft", 406, "not_acceptable", Accept="application/pdf"),
    Bad("retry-running", f"/api/workflows/{RUNNING}/retry", 409, "invalid_state", "POST"),
    Bad("retry-done", f"/api/workflows/{DONE}/retry", 409, "invalid_state", "POST"),
    Bad("retry-foreign", f"/api/workflows/{RUNNING}/retry", 403, "csrf_failed", "POST", headers=FOREIGN),
]  # fmt: skip


def resume(
    id_: str, body: Any, status: int, code: str, pointer: str | None = None, *, of: str = FAILED, **headers: str
) -> Bad:
    """An invalid request to resume, or one for a workflow that cannot be resumed."""
    return bad_post(f"resume-{id_}", f"/api/workflows/{of}/resume", body, status, code, pointer, **headers)


RESUME = f"/api/workflows/{FAILED}/resume"
OF_RESUMING = [
    resume("field", {"why": "because"}, 422, "unknown_field", "/why"),
    resume("number", {"text": 1}, 422, "type", "/text"),
    resume("list", {"text": ["# Mine"]}, 422, "type", "/text"),
    resume("empty", {"text": ""}, 422, "blank", "/text"),
    resume("blank", {"text": " \n\u200b"}, 422, "blank", "/text"),
    resume("nul", {"text": "a\x00b"}, 422, "control_character", "/text"),
    resume("c1", {"text": "a\x9b"}, 422, "control_character", "/text"),
    resume("surrogate", {"text": "\ud800"}, 422, "invalid_unicode", "/text"),
    resume("yes-in-words", {"accept_charge": "yes"}, 422, "type", "/accept_charge"),
    resume("yes-as-number", {"accept_charge": 1}, 422, "type", "/accept_charge"),
    resume("yes-null", {"accept_charge": None}, 422, "type", "/accept_charge"),
    resume("array", [], 422, "not_an_object"),
    resume("key", {}, 400, "invalid_idempotency_key", **{"Idempotency-Key": "a b"}),
    resume("foreign", {}, 403, "csrf_failed", **FOREIGN),
    resume("running", {}, 409, "invalid_state", of=RUNNING),
    resume("done", {}, 409, "invalid_state", of=DONE),
    resume("done-with-text", {"text": "# Mine"}, 409, "invalid_state", of=DONE),
    resume("cancelled", {}, 409, "invalid_state", of=CANCELLED),
    resume("parked", {}, 409, "invalid_state", of=PARKED),
    resume("post", {}, 409, "invalid_state", of=POST),
    resume("without-leave", {}, 409, "invalid_state", of=SILENT),
    resume("refused-leave", {"accept_charge": False}, 409, "invalid_state", of=SILENT),
    resume("no-text-to-correct", {"text": "# Mine"}, 409, "invalid_state", of=SILENT),
    Bad("resume-nothing", RESUME, 415, "unsupported_media_type", "POST"),
    Bad("resume-no-body", RESUME, 400, "malformed_json", "POST", b"", JSON),
    Bad("resume-cut", RESUME, 400, "malformed_json", "POST", b"{", JSON),
    Bad("resume-twice", RESUME, 400, "duplicate_key", "POST", b'{"text":"a","text":"b"}', JSON),
    Bad("resume-form", RESUME, 415, "unsupported_media_type", "POST", b"{}", {"Content-Type": "text/plain"}),
    Bad("resume-large", RESUME, 413, "body_too_large", "POST", b'"' + b"a" * 1_050_000 + b'"', JSON),
    Bad("resume-get", RESUME, 405, "method_not_allowed"),
    Bad("resume-query", f"{RESUME}?text=a", 422, "unknown_parameter", "POST", b"{}", JSON, "/text"),
    *(get(f"failed-{name}", f"/api/reports/{FAILED}{name}", 409, "invalid_state") for name in ("", ".pdf", ".md", ".html")),
    get("failed-result", f"/api/workflows/{FAILED}/result", 409, "invalid_state"),
    get("failed-text-of-none", f"/api/workflows/{SILENT}/texts/text", 409, "invalid_state"),
    get("failed-summary", f"/api/workflows/{FAILED}/texts/summary", 409, "invalid_state"),
]  # fmt: skip

OF_IDS = [
    *(
        get(f"id-{place}-{name}", f"/api/workflows/{bad}/{place}", 404, "not_found")
        for place in ("draft", "texts/text", "related")
        for name, bad in (("of-others", OF_OTHERS), ("unknown", UNKNOWN), ("malformed", "x"), ("nul", "a%00b"))
    ),
    *(
        Bad(f"id-{place}-{name}", f"/api/workflows/{bad}/{place}", 404, "not_found", "POST", body, JSON)
        for place, body in (
            ("approve", OK),
            ("decide", b'{"decision":"give_up"}'),
            ("retry", b"{}"),
            ("resume", b'{"text":"a"}'),
        )
        for name, bad in (("of-others", OF_OTHERS), ("unknown", UNKNOWN), ("malformed", "x"), ("nul", "a%00b"))
    ),
]

THIS, OTHER = (f"decision=approve&draft_sha256={sha256}" for sha256 in (DRAFT_SHA256, "e" * 64))
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
OF_PAGES = [
    Bad(f"page-{name}", path, status, code, "POST", fields.encode(), FORM | headers)
    for name, path, status, code, fields, headers in (
        ("approve-expire", f"/reports/{PARKED}/approve", 422, "enum", f"decision=expire&draft_sha256={DRAFT_SHA256}", {}),
        ("approve-nothing", f"/reports/{PARKED}/approve", 422, "required", "", {}),
        ("approve-other-draft", f"/reports/{PARKED}/approve", 409, "invalid_state", OTHER, {}),
        ("approve-of-others", f"/reports/{OF_OTHERS}/approve", 404, "not_found", THIS, {}),
        ("approve-among-posts", f"/posts/{PARKED}/approve", 404, "not_found", THIS, {}),
        ("approve-foreign", f"/reports/{PARKED}/approve", 403, "csrf_failed", "decision=approve", FOREIGN),
        ("decide-approve", f"/reports/{PARKED}/decide", 422, "enum", "decision=approve", {}),
        ("decide-among-posts", f"/posts/{UNPAID}/decide", 404, "not_found", "decision=give_up", {}),
        ("retry-among-posts", f"/posts/{RUNNING}/retry", 404, "not_found", "", {}),
        ("cancel-among-texts", f"/texts/{RUNNING}/cancel", 404, "not_found", "", {}),
        ("post-foreign", "/posts", 403, "csrf_failed", "prompt=a", FOREIGN),
        ("text-foreign", "/texts", 403, "csrf_failed", "prompt=a", FOREIGN),
        ("post-twice", "/posts", 400, "duplicate_key", "prompt=a&prompt=b", {}),
    )
]  # fmt: skip
OF_WORKFLOWS = [*LATER, *OF_REQUESTS, *OF_POSTS_AND_TEXTS, *OF_APPROVALS, *OF_RESUMING, *OF_IDS, *OF_PAGES]
