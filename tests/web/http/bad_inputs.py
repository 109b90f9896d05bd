"""The table of bad inputs: requests, and the answers they must get. Numbers are rows of the contract, letters are ours."""

import json
from dataclasses import dataclass, field

from tests.web.harness import UNKNOWN

START = "/api/workflows/generate-report"
JSON = {"Content-Type": "application/json"}
RUNNING = "{running}"
DONE = "{done}"
OF_OTHERS = "{of_others}"


@dataclass(frozen=True)
class Bad:
    """One row."""

    id: str
    path: str
    status: int
    code: str
    method: str = "GET"
    body: bytes | None = None
    headers: dict[str, str] = field(default_factory=dict)
    pointer: str | None = None


def start(id_: str, body: bytes, status: int, code: str, pointer: str | None = None, **headers: str) -> Bad:
    """A start with a bad body or header."""
    named = {"Content-Type": "application/json"} | {name.replace("_", "-"): value for name, value in headers.items()}
    return Bad(id_, START, status, code, "POST", body, named, pointer)


def get(id_: str, path: str, status: int, code: str, pointer: str | None = None, **headers: str) -> Bad:
    """A bad GET."""
    return Bad(
        id_,
        path,
        status,
        code,
        headers={name.replace("_", "-"): value for name, value in headers.items()},
        pointer=pointer,
    )


GOOD = b'{"prompt":"a"}'

FORBIDDEN, INVALID = "forbidden_address", "invalid_url"
NOT_TO_BE_CALLED = [
    ("58", FORBIDDEN, "http://127.0.0.1"),
    ("58-name", FORBIDDEN, "http://localhost"),
    ("58-v6", FORBIDDEN, "http://[::1]"),
    ("58-short", FORBIDDEN, "http://127.1"),
    ("58-number", FORBIDDEN, "http://2130706433"),
    ("58-hex", FORBIDDEN, "https://0x7f000001"),
    ("58-unicode", FORBIDDEN, "https://①②⑦.0.0.1"),
    ("58-no-dot", FORBIDDEN, "https://intranet/"),
    ("59-metadata", FORBIDDEN, "https://169.254.169.254/latest"),
    ("59-azure", FORBIDDEN, "https://168.63.129.16"),
    ("59-mapped", FORBIDDEN, "https://[::ffff:169.254.169.254]"),
    ("59-carrier", FORBIDDEN, "https://100.64.0.1"),
    ("60-ftp", INVALID, "ftp://example.org"),
    ("60-file", INVALID, "file:///etc/passwd"),
    ("60-http", INVALID, "http://example.org/hook"),
    ("60-userinfo", INVALID, "https://u:p@example.org"),
    ("60-port", INVALID, "https://example.org:22"),
    ("60-empty", INVALID, "https://"),
    ("60-long", INVALID, "https://example.org/" + "a" * 3_000),
]

STARTS = [
    start("01-empty", b"", 400, "malformed_json"),
    start("02-cut", b'{"prompt":', 400, "malformed_json"),
    start("03-array", b"[]", 422, "not_an_object", ""),
    start("03-string", b'"x"', 422, "not_an_object", ""),
    start("03-null", b"null", 422, "not_an_object", ""),
    start("03-number", b"42", 422, "not_an_object", ""),
    start("04-no-prompt", b"{}", 422, "required", "/prompt"),
    start("05-empty-prompt", b'{"prompt":""}', 422, "blank", "/prompt"),
    start("05-spaces", b'{"prompt":"   "}', 422, "blank", "/prompt"),
    start("05-newlines", b'{"prompt":"\\n\\n"}', 422, "blank", "/prompt"),
    start("05-zero-width", b'{"prompt":"\\u200b"}', 422, "blank", "/prompt"),
    start("06-number", b'{"prompt":123}', 422, "type", "/prompt"),
    start("06-true", b'{"prompt":true}', 422, "type", "/prompt"),
    start("06-array", b'{"prompt":[]}', 422, "type", "/prompt"),
    start("06-object", b'{"prompt":{}}', 422, "type", "/prompt"),
    start("07-too-long", b'{"prompt":"' + b"a" * 20_001 + b'"}', 422, "too_long", "/prompt"),
    start("08-too-large", b'{"prompt":"' + b"a" * 1_048_576 + b'"}', 413, "body_too_large"),
    start("08-escaped", b'{"prompt":"' + b"\\ud83c\\udf0a" * 20_001 + b'"}', 422, "too_long", "/prompt"),
    start("11-text", GOOD, 415, "unsupported_media_type", Content_Type="text/plain"),
    start("11-utf-16", GOOD, 415, "unsupported_media_type", Content_Type="application/json; charset=utf-16"),
    start("11-compressed", GOOD, 415, "unsupported_media_type", Content_Encoding="gzip"),
    Bad("11-no-type", START, 415, "unsupported_media_type", "POST", GOOD),
    start(
        "12-foreign-form",
        b"prompt=a",
        403,
        "csrf_failed",
        Content_Type="application/x-www-form-urlencoded",
        Origin="https://evil.example",
    ),
    start("12-cross-site", GOOD, 403, "csrf_failed", Sec_Fetch_Site="cross-site"),
    start("12-same-site", GOOD, 403, "csrf_failed", Sec_Fetch_Site="same-site"),
    start("12-opaque-origin", GOOD, 403, "csrf_failed", Origin="null"),
    start("12-other-port", GOOD, 403, "csrf_failed", Origin="http://localhost:9"),
    start("12-broken-origin", GOOD, 403, "csrf_failed", Origin="http://a]b"),
    start("13-duplicate", b'{"prompt":"a","prompt":"b"}', 400, "duplicate_key"),
    start("14-nan", b'{"prompt":"a","temperature":NaN}', 400, "malformed_json"),
    start("14-infinity", b'{"prompt":"a","temperature":-Infinity}', 400, "malformed_json"),
    start("14-exponent", b'{"prompt":"a","temperature":1e999}', 400, "malformed_json"),
    start("14-huge", b'{"prompt":"a","temperature":' + b"9" * 5_000 + b"}", 400, "malformed_json"),
    start("14-beyond-2-53", b'{"prompt":"a","temperature":9007199254740993}', 400, "malformed_json"),
    start("15-deep", b'{"prompt":' + b"[" * 10_000 + b"]" * 10_000 + b"}", 400, "too_deep"),
    start("15-deep-open", b"[" * 60_000, 400, "too_deep"),
    start("15-quotes", b'"' + b'\\"' * 30_000, 400, "malformed_json"),
    start("16-unknown", b'{"prompt":"a","is_admin":true}', 422, "unknown_field", "/is_admin"),
    start("16-tenant", b'{"prompt":"a","tenant_id":"x"}', 422, "unknown_field", "/tenant_id"),
    start("16-surrogate-name", b'{"prompt":"a","\\ud800":1}', 422, "invalid_unicode"),
    start("16-slash-name", b'{"prompt":"a","a/b~c":1}', 422, "unknown_field", "/a~1b~0c"),
    start(
        "16-many",
        b'{"prompt":"a",' + b",".join(b'"' + b"x" * 60 + b'%d":1' % n for n in range(800)) + b"}",
        422,
        "unknown_field",
    ),
    start("17-nul", b'{"prompt":"a\\u0000b"}', 422, "control_character", "/prompt"),
    start("17-c1", b'{"prompt":"a\\u0085b"}', 422, "control_character", "/prompt"),
    start("17-raw-control", b'{"prompt":"a\x01b"}', 400, "malformed_json"),
    start("18-surrogate", b'{"prompt":"\\ud800"}', 422, "invalid_unicode", "/prompt"),
    start("19-bytes", b"\xff\xfe\x00", 400, "invalid_utf8"),
    start("19-bom", b"\xef\xbb\xbf" + GOOD, 400, "malformed_json"),
    start("19-trailing", GOOD + b"x", 400, "malformed_json"),
    start("19-two-values", GOOD + GOOD, 400, "malformed_json"),
    start("20-model", b'{"prompt":"a","model":"../../etc/passwd"}', 422, "unknown_field", "/model"),
    start("33-long-key", GOOD, 400, "invalid_idempotency_key", Idempotency_Key="k" * 256),
    start("33-empty-key", GOOD, 400, "invalid_idempotency_key", Idempotency_Key=""),
    start("33-space-in-key", GOOD, 400, "invalid_idempotency_key", Idempotency_Key="a b"),
    start("33-non-ascii-key", GOOD, 400, "invalid_idempotency_key", Idempotency_Key="ключ"),
    start("60-title-lines", b'{"prompt":"a","title":"a\\nb"}', 422, "control_character", "/title"),
    start("60-title-long", b'{"prompt":"a","title":"' + b"a" * 201 + b'"}', 422, "too_long", "/title"),
    start("60-language", b'{"prompt":"a","language":"../en"}', 422, "pattern", "/language"),
    start("60-language-posix", b'{"prompt":"a","language":"en_US"}', 422, "pattern", "/language"),
    start("60-language-header", b'{"prompt":"a","language":"en;q=0.8"}', 422, "pattern", "/language"),
    start("60-language-control", b'{"prompt":"a","language":"en\\u0007"}', 422, "control_character", "/language"),
    start("60-channel-control", b'{"prompt":"a","notify":["log\\u0000"]}', 422, "control_character", "/notify/0"),
    start("60-mail-address", '{"prompt":"a","notify":["jörg@example.org"]}'.encode(), 422, "enum", "/notify/0"),
    start("60-channel", b'{"prompt":"a","notify":["fax"]}', 422, "enum", "/notify/0"),
    start("60-scheme-unknown", b'{"prompt":"a","notify":["https:example.org"]}', 422, "enum", "/notify/0"),
    *(
        start(f"{row}-address", json.dumps({"prompt": "a", "notify": ["log", url]}).encode(), 422, code, "/notify/1")
        for row, code, url in NOT_TO_BE_CALLED
    ),
    start("60-webhook", b'{"prompt":"a","notify":["webhook"]}', 422, "not_configured", "/notify/0"),
    start("66-host", GOOD, 400, "invalid_host", Host="evil.example"),
    start("66-host-with-port", GOOD, 400, "invalid_host", Host="evil.example:8000"),
    start("66-host-suffix", GOOD, 400, "invalid_host", Host="localhost.evil.example"),
    start("66-host-nonsense", GOOD, 400, "invalid_host", Host="local/host"),
    Bad(
        "37-key-in-query",
        f"{START}?api_key=x",
        422,
        "unknown_parameter",
        "POST",
        GOOD,
        {"Content-Type": "application/json"},
        "/api_key",
    ),
]

IDS = [
    Bad(f"{row}-{place}-{name}", pattern.format(id=bad), 404, "not_found", method)
    for row, name, bad in (
        ("40", "of-others", OF_OTHERS),
        ("41", "unknown", UNKNOWN),
        ("41", "malformed", "x"),
        ("41", "other-kind", UNKNOWN.replace("report", "post")),
        ("41", "traversal", "..%2f..%2fetc%2fpasswd"),
        ("41", "sql", "'OR%201=1"),
        ("41", "nul", "a%00b"),
        ("41", "bad-utf-8", "%ff%fe"),
        ("41", "long", "rep_" + "a" * 3_000),
    )
    for place, method, pattern in (
        ("status", "GET", "/api/workflows/{id}/status"),
        ("result", "GET", "/api/workflows/{id}/result"),
        ("events", "GET", "/api/workflows/{id}/events"),
        ("history", "GET", "/api/workflows/{id}/history"),
        ("cancel", "POST", "/api/workflows/{id}/cancel"),
        ("report", "GET", "/api/reports/{id}"),
        ("pdf", "GET", "/api/reports/{id}.pdf"),
        ("md", "GET", "/api/reports/{id}.md"),
        ("html", "GET", "/api/reports/{id}.html"),
    )
]

SCHEDULES = "/api/schedules"


def schedule(id_: str, body: bytes, status: int, code: str, pointer: str | None = None, **headers: str) -> Bad:
    """A schedule with a bad body or header."""
    named = {"Content-Type": "application/json"} | {name.replace("_", "-"): value for name, value in headers.items()}
    return Bad(f"schedule-{id_}", SCHEDULES, status, code, "POST", body, named, pointer)


DAILY = b'{"prompt":"a","every":"1d"}'
OF_SCHEDULES = [
    schedule("no-rhythm", b'{"prompt":"a"}', 422, "required", "/every"),
    schedule("no-prompt", b'{"every":"1d"}', 422, "required", "/prompt"),
    schedule("number", b'{"prompt":"a","every":60}', 422, "type", "/every"),
    schedule("too-often", b'{"prompt":"a","every":"59s"}', 422, "too_often", "/every"),
    schedule("too-seldom", b'{"prompt":"a","every":"367d"}', 422, "too_seldom", "/every"),
    schedule("bad-cron", b'{"prompt":"a","every":"61 9 * * *"}', 422, "pattern", "/every"),
    schedule("both-days", b'{"prompt":"a","every":"0 9 1 * 1"}', 422, "ambiguous_days", "/every"),
    schedule("never", b'{"prompt":"a","every":"0 9 30 2 *"}', 422, "never", "/every"),
    schedule("long-cron", b'{"prompt":"a","every":"' + b"1," * 20_000 + b'"}', 422, "pattern", "/every"),
    schedule("zone", b'{"prompt":"a","every":"1d","timezone":"Mars/Olympus"}', 422, "unknown_time_zone", "/timezone"),
    schedule(
        "zone-control", b'{"prompt":"a","every":"1d","timezone":"UTC\\u0007"}', 422, "control_character", "/timezone"
    ),
    schedule("rhythm-control", b'{"prompt":"a","every":"1d\\u009b"}', 422, "control_character", "/every"),
    schedule("zone-path", b'{"prompt":"a","every":"1d","timezone":"../../etc"}', 422, "unknown_time_zone", "/timezone"),
    schedule("channel", b'{"prompt":"a","every":"1d","notify":["email"]}', 422, "not_configured", "/notify/0"),
    schedule("inside", b'{"prompt":"a","every":"1d","notify":["http://[::1]"]}', 422, FORBIDDEN, "/notify/0"),
    schedule("unknown", b'{"prompt":"a","every":"1d","paused":true}', 422, "unknown_field", "/paused"),
    schedule("surrogate", b'{"prompt":"a","every":"\\ud800"}', 422, "pattern", "/every"),
    schedule("foreign", DAILY, 403, "csrf_failed", Sec_Fetch_Site="cross-site"),
    schedule("key", DAILY, 400, "invalid_idempotency_key", Idempotency_Key="a b"),
    Bad("schedule-text", SCHEDULES, 415, "unsupported_media_type", "POST", DAILY, {"Content-Type": "text/plain"}),
    Bad("schedule-delete-all", SCHEDULES, 405, "method_not_allowed", "DELETE"),
    get("schedule-query", f"{SCHEDULES}?limit=1", 422, "unknown_parameter", "/limit"),
    *(
        Bad(f"schedule-{verb or 'delete'}-{name}", f"{SCHEDULES}/{bad}{verb}", 404, "not_found", method)
        for method, verb in (("POST", "/pause"), ("POST", "/resume"), ("DELETE", ""))
        for name, bad in (
            ("unknown", "recurring-" + "0" * 32),
            ("upper", "recurring-" + "A" * 32),
            ("reconcile", "reconcile-every-minute"),
            ("traversal", "..%2f..%2fetc"),
            ("nul", "a%00b"),
            ("long", "r" * 3_000),
        )
    ),
    *(
        Bad(
            f"schedule-{verb or 'delete'}-{name}",
            f"{SCHEDULES}/recurring-{'0' * 32}{verb}",
            status,
            code,
            method,
            body,
            headers,
        )
        for method, verb in (("POST", "/pause"), ("POST", "/resume"), ("DELETE", ""))
        for name, status, code, body, headers in (
            ("field", 422, "unknown_field", b'{"why":1}', {"Content-Type": "application/json"}),
            ("foreign", 403, "csrf_failed", None, {"Sec-Fetch-Site": "cross-site"}),
        )
    ),
]

OTHERS = [
    get("42-result", f"/api/workflows/{RUNNING}/result", 409, "not_ready"),
    get("42-pdf", f"/api/reports/{RUNNING}.pdf", 409, "not_ready"),
    *(
        Bad(
            f"45-decide-{name}",
            f"/api/workflows/{RUNNING}/decide",
            status,
            code,
            "POST",
            body,
            {"Content-Type": "application/json"},
            pointer,
        )
        for name, body, status, code, pointer in (
            ("unknown", b'{"decision":"maybe"}', 422, "enum", "/decision"),
            ("missing", b"{}", 422, "required", "/decision"),
            ("field", b'{"decision":"give_up","why":1}', 422, "unknown_field", "/why"),
        )
    ),
    Bad(
        "44-decide-running",
        f"/api/workflows/{RUNNING}/decide",
        409,
        "invalid_state",
        "POST",
        b'{"decision":"give_up"}',
        {"Content-Type": "application/json"},
    ),
    Bad("47-cancel-done", f"/api/workflows/{DONE}/cancel", 409, "invalid_state", "POST"),
    Bad(
        "47-cancel-field",
        f"/api/workflows/{RUNNING}/cancel",
        422,
        "unknown_field",
        "POST",
        b'{"why":1}',
        {"Content-Type": "application/json"},
        "/why",
    ),
    Bad(
        "47-cancel-foreign",
        f"/api/workflows/{RUNNING}/cancel",
        403,
        "csrf_failed",
        "POST",
        headers={"Sec-Fetch-Site": "cross-site"},
    ),
    *(
        get(f"48-{name}-{value[:9]}", f"/api/{name}?limit={value}", 422, "out_of_range", "/limit")
        for name in ("workflows", "reports")
        for value in ("0", "-1", "abc", "1000000000", "201", "", "1.5", "%D9%A1", "1e2", "+5")
    ),
    get("48-twice", "/api/workflows?limit=1&limit=2", 422, "repeated", "/limit"),
    *(
        get(f"49-{name}-{value[:9]}", f"/api/{name}?cursor={value}", 400, "invalid_cursor")
        for name in ("workflows", "reports")
        for value in ("", "abc", "A" * 3_000, "%00", "AAAAAAAAMjAyNg", "%D9%A1")
    ),
    get("50-sort", "/api/reports?sort=prompt;drop", 422, "unknown_parameter", "/sort"),
    get("50-filter", "/api/workflows?filter[__class__]=x", 422, "unknown_parameter", "/filter[__class__]"),
    get("50-status", "/api/workflows?status=asleep", 422, "enum", "/status"),
    get("50-status-list", "/api/workflows?status=done,", 422, "enum", "/status"),
    get("50-kind", "/api/workflows?kind=letter", 422, "enum", "/kind"),
    get("50-text-nul", "/api/reports?text=a%00b", 422, "control_character", "/text"),
    get("50-text-line-end", "/api/reports?text=tides%0A", 422, "control_character", "/text"),
    get("50-text-long", "/api/reports?text=" + "a" * 201, 422, "too_long", "/text"),
    get("50-long-name", "/api/reports?" + "n" * 3_000 + "=1", 422, "unknown_parameter"),
    Bad("51-delete", START, 405, "method_not_allowed", "DELETE"),
    Bad("51-get", START, 405, "method_not_allowed", "GET"),
    Bad("51-options", START, 405, "method_not_allowed", "OPTIONS"),
    get("52-image", f"/api/workflows/{RUNNING}/status", 406, "not_acceptable", Accept="image/png"),
    get("52-refused", f"/api/workflows/{RUNNING}/status", 406, "not_acceptable", Accept="application/json;q=0"),
    get("52-json-of-pdf", f"/api/reports/{DONE}.pdf", 406, "not_acceptable", Accept="application/json"),
    *(
        get(f"53-{value[:9]}", f"/api/workflows/{DONE}/events", 400, "invalid_last_event_id", Last_Event_ID=value)
        for value in ("-1", "abc", "1000000000000000000", "999", "1.0", "", "9" * 400)
    ),
    get("53-after", f"/api/workflows/{DONE}/events?after=999", 400, "invalid_last_event_id"),
    get("53-arabic", f"/api/workflows/{DONE}/events?after=%D9%A1", 400, "invalid_last_event_id"),
    get("65-two-ranges", f"/api/reports/{DONE}.pdf", 416, "range_not_satisfiable", Range="bytes=0-0,1-1"),
    get("65-beyond", f"/api/reports/{DONE}.pdf", 416, "range_not_satisfiable", Range="bytes=99999999-"),
    get("65-backwards", f"/api/reports/{DONE}.pdf", 416, "range_not_satisfiable", Range="bytes=5-1"),
    get("65-nothing", f"/api/reports/{DONE}.pdf", 416, "range_not_satisfiable", Range="bytes=-"),
    get("65-zero-suffix", f"/api/reports/{DONE}.pdf", 416, "range_not_satisfiable", Range="bytes=-0"),
    get("unknown-address", "/api/nothing", 404, "not_found"),
    get("unknown-format", f"/api/reports/{DONE}.exe", 404, "not_found"),
    get("closing-slash", "/api/workflows/", 404, "not_found"),
    get("unknown-pipeline-get", "/api/workflows/steal-report", 404, "not_found"),
    *(
        Bad(f"unknown-pipeline-{name}", f"/api/workflows/{path}", 404, code, "POST", body, JSON)
        for name, path, code, body in (
            ("good-body", "steal-report", "unknown_pipeline", GOOD),
            ("bad-body", "steal-report", "unknown_pipeline", b"{"),
            ("upper-case", "Generate-Report", "unknown_pipeline", GOOD),
            ("an-id", UNKNOWN, "unknown_pipeline", GOOD),
            ("long", "%01" * 1_200, "unknown_pipeline", GOOD),
            ("nul", "a%00b", "unknown_pipeline", GOOD),
            ("traversal", "..%2fgenerate-report", "not_found", GOOD),
            ("below", "generate-report/now", "not_found", GOOD),
        )
    ),
    get("long-address", "/api/reports?text=" + "a" * 5_000, 414, "uri_too_long"),
    get("large-header", "/api/reports", 431, "headers_too_large", X_Big="a" * 17_000),
    get("static-traversal", "/static/..%2fapp.py", 404, "not_found"),
    Bad("form-json", "/reports", 415, "unsupported_media_type", "POST", GOOD, {"Content-Type": "application/json"}),
    Bad("form-foreign", "/reports", 403, "csrf_failed", "POST", b"prompt=a", {"Sec-Fetch-Site": "cross-site"}),
    *(
        Bad(f"form-{name}", "/reports", 400, code, "POST", body, {"Content-Type": "application/x-www-form-urlencoded"})
        for name, code, body in (
            ("bad-utf-8", "malformed_form", b"prompt=%ff"),
            ("raw-bytes", "malformed_form", b"prompt=\xff"),
            ("twice", "duplicate_key", b"prompt=a&prompt=b"),
            ("many", "malformed_form", b"&".join(b"f%d=1" % number for number in range(30))),
        )
    ),
]
BAD = [*STARTS, *IDS, *OF_SCHEDULES, *OTHERS]
