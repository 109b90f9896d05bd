"""list, show and open."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from durable_research.domain.workflows.workflow import Kind
from tests.cli.conftest import Command, Process
from tests.cli.stub_server import StubServer, an_id, problem

HOSTILE = "[red]x[/red]\x1b[2J\x9b31m\u202egnp.exe\r\nsecond"
TAMED = "[red]x[/red]\N{REPLACEMENT CHARACTER}[2J\N{REPLACEMENT CHARACTER}31m\N{REPLACEMENT CHARACTER}gnp.exe second"


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The addresses passed to the browser."""
    urls: list[str] = []

    def opens(url: str) -> bool:
        urls.append(url)
        return True

    monkeypatch.setattr("webbrowser.open", opens)
    return urls


def test_list_prints_a_table_with_symbol_and_status(installation: StubServer, command: Command) -> None:
    installation.add(1, title="Tides", status="waiting_for_you")

    result = command("list")

    assert (result.exit_code, result.stderr) == (0, "")
    header, row = result.stdout.splitlines()
    assert header.split() == ["ID", "TITLE", "STATUS", "AGE"]
    assert row.startswith(f"{an_id()}  Tides  ◇ waiting for you  ")


def test_control_characters_in_a_title_are_replaced(installation: StubServer, command: Command) -> None:
    installation.add(1, title=HOSTILE)

    assert TAMED in command("list").stdout
    assert TAMED in command("show", an_id()).stdout


def test_a_hostile_title_is_escaped_in_json_and_parses_unchanged(installation: StubServer, command: Command) -> None:
    installation.add(1, title=HOSTILE)

    stdout = command("list", "-o", "json").stdout

    assert not {"\x1b", "\x9b", "\u202e"} & set(stdout)
    assert json.loads(stdout)["workflows"][0]["title"] == HOSTILE


def test_a_long_title_is_shortened_and_an_id_never_is(installation: StubServer, command: Command) -> None:
    installation.add(1, title="t" * 500)

    row = command("list").stdout.splitlines()[1]

    assert row.startswith(f"{an_id()}  {'t' * 59}…  ✔ done")


def test_the_filters_of_list_are_the_apis(installation: StubServer, command: Command) -> None:
    command("list", "--status", "failed", "--status", "queued", "--kind", "report", "--text", "a&b", "--limit", "3")

    assert installation.paths() == ["/api/workflows?status=failed&status=queued&kind=report&text=a%26b&limit=3"]


def test_an_empty_list_names_the_submit_command(command: Command) -> None:
    result = command("list")

    assert (result.exit_code, result.stdout) == (0, "")
    assert "durable-research submit" in result.stderr


def test_a_list_emptied_by_filters_says_that_nothing_matches(command: Command) -> None:
    assert "nothing matches" in command("list", "--status", "failed").stderr


def test_list_says_when_there_are_older_workflows(installation: StubServer, command: Command) -> None:
    row = installation.add(1).row()
    installation.answers["/api/workflows"] = (200, {"workflows": [row], "next_cursor": "c"}, {})

    assert "there are older ones" in command("list").stderr


def a_step(name: str, **more: Any) -> dict[str, Any]:
    none = dict.fromkeys(("worker", "started_at", "ended_at", "next_try_at", "last_error"))
    return {"name": name, "state": "pending", "attempt": 0} | none | more


def test_show_prints_steps_attempts_charges_and_what_the_workflow_waits_for(
    installation: StubServer, command: Command
) -> None:
    busy = {"code": "rate_limited", "detail": "slow down"}
    steps = [
        a_step("llm_call", state="done", attempt=2, worker="worker-2@1", started_at="2026-11-21T12:00:00+00:00",
               ended_at="2026-11-21T12:01:05+00:00", last_error=busy),
        a_step("create_pdf", state="retrying", attempt=1, worker="worker-1@1", last_error=busy,
               next_try_at="2126-11-21T12:00:00+00:00"),
    ]  # fmt: skip
    installation.add(1, status="retrying", more={
        "steps": steps, "charges": {"settled": 1, "possible_extra": 1}, "waits_for": {"what": "no worker is running"},
        "embedding_charges": {"settled": 2, "possible_extra": 0}, "error": {"code": "x", "detail": "y"},
    })  # fmt: skip

    lines = command("show", an_id()).stdout.splitlines()

    assert lines[:2] == ["tides", f"{an_id()}  ↻ retrying"]
    assert lines[4].split("  ")[0] == "llm_call"
    assert "✔ done" in lines[4]
    assert "1 min 05 s" in lines[4]
    assert "before: rate_limited: slow down" in lines[4]
    assert "rate_limited: slow down; tries again in" in lines[5]
    assert "charges   1 model call charged, and perhaps 1 more: sent, and no answer whether it was taken" in lines
    assert "besides   2 embeddings charged" in lines
    assert "waits for no worker is running" in lines
    assert "error     x: y" in lines


def test_show_prints_the_remedy_of_a_failure(installation: StubServer, command: Command) -> None:
    error = {"code": "quota_exhausted", "detail": "used up", "remedy": {"words": "put money on the account"}}
    installation.add(1, status="failed", more={"error": error})

    assert "remedy    put money on the account" in command("show", an_id()).stdout


def test_show_in_json_is_the_status_body(installation: StubServer, command: Command) -> None:
    run = installation.add(1)

    assert json.loads(command("show", an_id(), "-o", "json").stdout) == run.status_body()


def test_open_prints_the_address_and_opens_the_browser(
    installation: StubServer, command: Command, opened: list[str]
) -> None:
    installation.add(1)

    result = command("open", an_id())

    url = f"{installation.url}/reports/{an_id()}"
    assert (result.exit_code, result.stdout, opened) == (0, f"{url}\n", [url])


def test_open_reports_an_unknown_id_without_opening_the_browser(command: Command, opened: list[str]) -> None:
    result = command("open", an_id(9))

    assert (result.exit_code, opened) == (2, [])
    assert f"there is no {an_id(9)}" in result.stderr


def test_without_a_browser_open_prints_the_address(
    installation: StubServer, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("webbrowser.open", lambda url: False)
    installation.add(1)

    assert "there is no browser here" in command("open", an_id()).stderr


def test_open_writes_files_and_opens_no_browser(
    installation: StubServer, command: Command, opened: list[str], elsewhere: Path
) -> None:
    installation.add(1)

    result = command("open", an_id(), "--pdf", "r.pdf", "--md", "r.md", "--html", "r.html")

    assert (result.exit_code, result.stdout, opened) == (0, "r.pdf\nr.md\nr.html\n", [])
    assert installation.paths()[1:] == [f"/api/reports/{an_id()}.{form}" for form in ("pdf", "md", "html")]
    assert {path.name: path.read_bytes() for path in elsewhere.iterdir()} == dict.fromkeys(
        ("r.pdf", "r.md", "r.html"), installation.files
    )


def with_texts(installation: StubServer, id: str, **texts: bytes) -> None:
    """The texts of a finished post or checked text."""
    places = {name: f"/api/workflows/{id}/texts/{name}" for name in texts}
    installation.answers[f"/api/workflows/{id}/result"] = (200, {"workflow_id": id, "texts": places}, {})
    for name, text in texts.items():
        installation.answers[places[name]] = (200, text, {"Content-Type": "text/markdown"})


def test_open_writes_the_text_of_a_post(installation: StubServer, command: Command, elsewhere: Path) -> None:
    post = an_id(kind=Kind.POST)
    with_texts(installation, post, text="# Bees — 蜂\n".encode())

    result = command("open", post, "--md", "post.md")

    assert (result.exit_code, result.stdout) == (0, "post.md\n")
    assert {path.name: path.read_text() for path in elsewhere.iterdir()} == {"post.md": "# Bees — 蜂\n"}


def test_open_writes_a_checked_text_and_its_summary(
    installation: StubServer, command: Command, elsewhere: Path
) -> None:
    text = an_id(kind=Kind.PROCESSING)
    with_texts(installation, text, text=b"# Tides", summary=b"They rise.")

    result = command("open", text, "--md", "text.md", "--summary", "-", "-o", "table")

    assert (result.exit_code, result.stdout) == (0, "text.md\nThey rise.")
    assert {path.name: path.read_text() for path in elsewhere.iterdir()} == {"text.md": "# Tides"}


@pytest.mark.parametrize("kind", [Kind.POST, Kind.PROCESSING])
@pytest.mark.parametrize(("option", "word"), [("--pdf", "PDF"), ("--html", "HTML")])
def test_a_file_form_that_only_reports_have_is_refused_with_the_alternative(
    installation: StubServer, command: Command, elsewhere: Path, kind: Kind, option: str, word: str
) -> None:
    id = an_id(kind=kind)
    with_texts(installation, id, text=b"# Bees")

    result = command("open", id, "--md", "x.md", option, "x")

    assert (result.exit_code, result.stdout, list(elsewhere.iterdir())) == (2, "", [])
    assert result.stderr == (
        f"error: {id} has no {word}, which only reports have\n"
        f"  write its text instead: durable-research open {id} --md FILE\n"
    )


@pytest.mark.parametrize("kind", [Kind.POST, Kind.REPORT])
def test_a_summary_of_a_kind_without_summary_is_refused_with_the_alternative(
    installation: StubServer, command: Command, elsewhere: Path, kind: Kind
) -> None:
    id = an_id(kind=kind)
    with_texts(installation, id, text=b"# Bees")

    result = command("open", id, "--md", "x.md", "--summary", "x")

    assert (result.exit_code, list(elsewhere.iterdir())) == (2, [])
    assert result.stderr.startswith(f"error: {id} has no summary\n  write ")
    assert f"durable-research open {id} --" in result.stderr


@pytest.mark.parametrize(
    ("status", "code", "detail", "words", "exit_code"),
    [
        (404, "not_found", "there is nothing at this address", "there is no {id}\n  see what there is", 2),
        (409, "not_ready", "the workflow is running", "the workflow is running\n  wait for it", 5),
        (409, "invalid_state", "the workflow is failed", "the workflow is failed\n  look at it", 5),
    ],
)
def test_a_post_without_a_text_leaves_no_file(
    installation: StubServer, command: Command, elsewhere: Path,
    status: int, code: str, detail: str, words: str, exit_code: int,
) -> None:  # fmt: skip
    post = an_id(kind=Kind.POST)
    installation.answers[f"/api/workflows/{post}/result"] = (status, problem(status, code, detail), {})

    result = command("open", post, "--md", "x.md")

    assert (result.exit_code, list(elsewhere.iterdir())) == (exit_code, [])
    assert result.stderr.startswith(f"error: {words.format(id=post)}")


@pytest.mark.parametrize(("kind", "option"), [(Kind.REPORT, "--pdf"), (Kind.POST, "--md")])
def test_without_a_browser_open_suggests_an_existing_file_form(
    installation: StubServer, command: Command, monkeypatch: pytest.MonkeyPatch, kind: Kind, option: str
) -> None:
    monkeypatch.setattr("webbrowser.open", lambda url: False)
    id = an_id(kind=kind)
    installation.answers[f"/api/workflows/{id}/status"] = (200, {"page_url": f"/{kind}s/{id}"}, {})

    assert command("open", id).stderr.endswith(f"or write a file: {option} FILE\n")


def test_a_written_file_gets_the_users_default_permissions(command: Command, elsewhere: Path) -> None:
    before = os.umask(0o027)
    try:
        command("open", an_id(), "--pdf", "r.pdf")
    finally:
        os.umask(before)

    assert (elsewhere / "r.pdf").stat().st_mode & 0o777 == 0o640


def test_a_dash_writes_the_file_to_stdout_byte_for_byte(installation: StubServer, command: Command) -> None:
    installation.files = b"%PDF \x00\xff\r\n"

    assert command("open", an_id(), "--pdf", "-").stdout_bytes == installation.files


def test_writing_to_a_device_does_not_replace_it(command: Command) -> None:
    assert command("open", an_id(), "--pdf", os.devnull).exit_code == 0
    assert Path(os.devnull).is_char_device()


@pytest.mark.parametrize(
    "arguments", [("--pdf", "-", "--md", "-"), ("--pdf", "no/folder/r.pdf"), ("-o", "json", "--md", "-")]
)
def test_a_file_that_cannot_be_written_is_exit_2(command: Command, arguments: tuple[str, ...]) -> None:
    assert command("open", an_id(), *arguments).exit_code == 2


def test_an_unfinished_report_is_exit_5_and_leaves_no_file(
    installation: StubServer, command: Command, elsewhere: Path
) -> None:
    installation.refuse(f"/api/reports/{an_id()}.pdf", 409, "not_ready", detail="the report is running")

    result = command("open", an_id(), "--pdf", "r.pdf")

    assert (result.exit_code, list(elsewhere.iterdir())) == (5, [])
    assert result.stderr == f"error: the report is running\n  wait for it: durable-research watch {an_id()}\n"


def test_a_terminal_gets_text_without_control_characters_and_no_pdf(
    installation: StubServer, process: Callable[..., Process]
) -> None:
    installation.add(1)
    installation.files = b"# Tides\n\x1b]0;owned\x07end\n"

    code, screen, _ = process("open", an_id(), "--md", "-", on_terminal=True).end()

    assert (code, screen) == (0, "# Tides\n\N{REPLACEMENT CHARACTER}]0;owned\N{REPLACEMENT CHARACTER}end\n\n")
    assert process("open", an_id(), "--pdf", "-", on_terminal=True).end()[0] == 2
