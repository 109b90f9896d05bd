"""The table of log events: the page that lists them, the code that emits them, and what a line may hold."""

import ast
import io
import json
import logging
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from durable_research.telemetry import logs
from durable_research.telemetry.log_lines import ConsoleLines, JsonLines, LogFormat, Masking, configure_logging
from durable_research.telemetry.logs import CONTEXT, EVENTS, LOGGER, Level, LogEvent, context, emit
from tests.logged import captured_lines

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "logs.md"
SOURCE = ROOT / "src" / "durable_research"
BY_CONSTANT = {name: one for name, one in vars(logs).items() if isinstance(one, LogEvent)}
# The one event that the formatter makes and no code emits.
OF_LIBRARIES = {"LIBRARY_MESSAGE"}
# What may write lines without an event: the formatter's own room, and the programs and servers that silence a library.
SILENCES_LIBRARIES = {"web/http/server.py", "simulator/__main__.py", "simulator/smtp.py"}
EVERY = pytest.mark.parametrize("event", EVENTS, ids=[event.name for event in EVENTS])
SECRETS = ("sk-canary-key-1", "canary/password", "canary of a payload key")


def documented_row(event: LogEvent) -> str:
    """The row of the page for an event."""
    fields = ", ".join(f"`{field}`" for field in event.fields) or "none"
    return f"| `{event.name}` | {event.level.name.lower()} | {fields} | {event.meaning} |"


def modules() -> Iterator[tuple[str, ast.Module]]:
    for path in sorted(SOURCE.rglob("*.py")):
        yield str(path.relative_to(SOURCE)), ast.parse(path.read_text())


def emitted_calls(tree: ast.Module) -> Iterator[ast.Call]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and ast.unparse(node.func) in {"logs.emit", "emit"}:
            yield node


@EVERY
def test_every_event_is_documented_as_the_table_has_it(event: LogEvent) -> None:
    assert documented_row(event) in PAGE.read_text().splitlines()


def test_the_page_lists_no_unknown_event_and_no_unknown_field() -> None:
    rows = re.findall(r"^\| `([a-z_]+\.[a-z_]+)` \|", PAGE.read_text(), re.MULTILINE)
    of_every_line = re.findall(r"^\| `([a-z_]+)` \| ([^|]+) \|$", PAGE.read_text(), re.MULTILINE)

    assert sorted(rows) == sorted(event.name for event in EVENTS)
    assert dict(of_every_line).items() >= CONTEXT.items()
    assert set(dict(of_every_line)) == {*CONTEXT, "event", "level", "timestamp", "exception"}


def test_every_name_is_given_once_and_no_field_has_the_name_of_another() -> None:
    names = [event.name for event in EVENTS]

    assert sorted(set(names)) == sorted(names)
    assert {field for event in EVENTS for field in event.fields} & {*CONTEXT, "event", "level", "timestamp"} == set()


def test_every_event_is_emitted_and_every_emitted_event_is_in_the_table() -> None:
    named = {
        node.attr
        for path, tree in modules()
        if path != "telemetry/logs.py"
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and ast.unparse(node.value) == "logs" and node.attr.isupper()
    }

    assert named - {"LOGGER", "CONTEXT", "EVENTS"} == set(BY_CONSTANT) - OF_LIBRARIES


def test_events_are_emitted_with_the_fields_of_their_row() -> None:
    wrong = []
    for path, tree in modules():
        for call in emitted_calls(tree):
            event = BY_CONSTANT.get(ast.unparse(call.args[0]).removeprefix("logs."))
            named = {keyword.arg for keyword in call.keywords if keyword.arg}
            unknown = named - {*(event.fields if event else ("report_id", "key")), *CONTEXT, "exception"}
            wrong += [f"{path}:{call.lineno} {field}" for field in unknown]

    assert wrong == []


def test_nothing_but_emit_writes_a_line() -> None:
    others = {
        f"{path}:{node.lineno}"
        for path, tree in modules()
        if not path.startswith("telemetry/") and path not in {*SILENCES_LIBRARIES, "temporal/client/sdk_logs.py"}
        for node in ast.walk(tree)
        if (isinstance(node, ast.Import) and any(one.name == "logging" for one in node.names))
        or (isinstance(node, ast.ImportFrom) and node.module == "logging")
    }

    assert others == set()


def test_a_line_has_its_event_its_level_its_fields_and_its_context() -> None:
    with captured_lines() as lines, context(workflow_id="report-1", step="llm_call"), context(attempt=2, trace_id=None):
        emit(logs.ATTEMPT_FAILED, code="model_refused")

    (line,) = lines
    assert line.pop("timestamp").endswith("Z")
    assert line == {
        "event": "attempt.failed",
        "level": "warning",
        "workflow_id": "report-1",
        "step": "llm_call",
        "attempt": 2,
        "code": "model_refused",
    }


def test_context_ends_with_its_block() -> None:
    with captured_lines() as lines:
        with context(workflow_id="report-1"):
            pass
        emit(logs.WORKER_DRAINING, identity="worker-1")

    assert "workflow_id" not in lines[0]


def test_a_field_that_is_not_in_the_row_is_not_written() -> None:
    with captured_lines() as lines:
        emit(logs.WORKER_DRAINING, identity="worker-1", prompt="canary")

    assert "canary" not in json.dumps(lines)


def test_a_value_of_another_type_is_named_by_its_type_alone() -> None:
    with captured_lines() as lines:
        emit(logs.WORKER_DRAINING, identity={"prompt": "canary"})  # type: ignore[arg-type]  # what the types refuse

    assert lines[0]["identity"] == "dict"


@pytest.mark.parametrize("logger", ["temporalio.worker", "sqlalchemy.pool", "asyncio", "uvicorn.error"])
def test_a_librarys_line_passes_through_the_same_formatter(logger: str) -> None:
    with captured_lines() as lines:
        logging.getLogger(logger).error("poll of %s failed", "ai-tasks")

    assert [(one["event"], one["level"], one["logger"], one["message"]) for one in lines] == [
        ("library.message", "error", logger, "poll of ai-tasks failed")
    ]


def test_of_a_librarys_message_only_the_first_line_is_written() -> None:
    # asyncio's own form: what follows is the repr of a task and of the exception in it.
    with captured_lines() as lines:
        logging.getLogger("asyncio").error("Task exception was never retrieved\nfuture: ValueError('canary')")

    assert lines[0]["message"] == "Task exception was never retrieved"


def raised(*words: str) -> BaseException:
    """An exception with a cause, a context and a group in it, each with these words."""
    try:
        try:
            raise KeyError(*words)
        except KeyError as cause:
            raise ExceptionGroup("canary", [ValueError(*words), LookupError(*words)]) from cause
    except ExceptionGroup as group:
        return group


@pytest.mark.parametrize("form", [JsonLines, ConsoleLines])
def test_an_exception_is_written_by_kind_and_place_and_never_by_its_words(form: type[logging.Formatter]) -> None:
    error = raised("canary of a prompt")
    error.add_note("canary of a note")
    record = logging.LogRecord(
        "asyncio", logging.ERROR, "", 1, "it failed", (), (type(error), error, error.__traceback__)
    )

    line = form().format(record)

    assert "canary" not in line
    assert all(kind in line for kind in ("ExceptionGroup", "KeyError", "ValueError", "LookupError"))
    assert "tests/telemetry/test_logs.py" in line


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("postgresql://me:canary@db:5432/research is away", "postgresql://db:5432/… is away"),
        ("postgresql://me:p@canary@db/research", "postgresql://db/…"),
        ("no answer from https://hooks.example/services/canary", "no answer from https://hooks.example/…"),
        ("https://blob.example/?sig=canary", "https://blob.example/…"),
        ("http://127.0.0.1:8000", "http://127.0.0.1:8000"),
        ("smtps://me:canary@[::1]:465", "smtps://[::1]:465"),
        ("Authorization: Bearer canary.abc-1", "Authorization: …"),
        ("Incorrect API key: sk-proj-canary", "Incorrect API key: …"),
        ("xoxb-canary-1 is revoked", "… is revoked"),
        ("signed with whsec_canarycanary", "signed with …"),
        ("key sk-canary-key-1!", "key …!"),
        ("user with canary/password refused", "user with … refused"),
        ("canary of a payload key.", "…."),
    ],
)
def test_secrets_and_all_of_an_address_but_its_host_are_masked(text: str, shown: str) -> None:
    assert Masking(SECRETS).text(text) == shown


def test_a_long_text_is_cut() -> None:
    assert len(Masking().text("a" * 5_000)) < 1_100


class Terminal(io.StringIO):
    """A stream that says it is a terminal, or that it is none."""

    def __init__(self, is_terminal: bool) -> None:
        super().__init__()
        self._is_terminal = is_terminal

    def isatty(self) -> bool:
        return self._is_terminal


@pytest.fixture
def untouched_logging(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """What `configure_logging` changes is put back."""
    root, own, raises = logging.getLogger(), logging.getLogger(LOGGER), logging.raiseExceptions
    handlers, levels = root.handlers[:], (root.level, own.level)
    yield
    root.handlers[:] = handlers
    root.setLevel(levels[0])
    own.setLevel(levels[1])
    logging.raiseExceptions = raises


@pytest.mark.parametrize(
    ("form", "is_terminal", "is_json"),
    [
        (LogFormat.AUTO, False, True),
        (LogFormat.AUTO, True, False),
        (LogFormat.JSON, True, True),
        (LogFormat.CONSOLE, False, False),
    ],
)
@pytest.mark.usefixtures("untouched_logging")
def test_lines_are_json_unless_a_person_reads_them_or_the_setting_decides(
    form: LogFormat, is_terminal: bool, is_json: bool
) -> None:
    stream = Terminal(is_terminal)

    configure_logging("worker-1", form, stream=stream)
    emit(logs.WORKER_READY, identity="worker-1@2", queues=("documents", "ai-tasks"))

    text = stream.getvalue()
    # The supervisor and the campaigns look for these in either form.
    assert logs.WORKER_READY.name in text
    assert '"worker-1@2"' in text
    assert text.startswith("{") == is_json
    assert text.count("\n") == 1
    if is_json:
        assert json.loads(text)["role"] == "worker-1"


@pytest.mark.usefixtures("untouched_logging")
def test_a_record_that_cannot_be_formatted_prints_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("api", LogFormat.JSON, stream=io.StringIO())

    logging.getLogger("a.library").error("%d of them", "canary")

    assert capsys.readouterr() == ("", "")


def test_levels_say_who_has_to_act() -> None:
    assert {event.level for event in EVENTS} == set(Level)
