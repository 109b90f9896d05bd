"""Which workflow or schedule a command is about: the same for every command that takes an id."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from durable_research.domain.workflows.workflow import Kind
from tests.cli.conftest import Command, Process
from tests.cli.stub_server import StubServer, an_id

POST, TEXT = Kind.POST, Kind.PROCESSING
APPROVAL = {"asks": {"step": "approval", "decisions": ["approve", "refuse"], "draft_sha256": "d" * 64}}
QUESTION = {"asks": {"step": "llm_call", "decisions": ["send_again", "give_up"]}}
SCHEDULES = "/api/schedules"

# A world in which every command has something of its own to take; the newest comes last.
WORLD: list[dict[str, Any]] = [
    {"number": 1, "status": "done"},
    {"number": 2, "status": "waiting_for_you", "more": APPROVAL},
    {"number": 3, "status": "waiting_for_you", "more": QUESTION},
    {"number": 4, "status": "retrying"},
    {"number": 5, "kind": TEXT, "status": "done"},
    {"number": 6, "status": "sleeping"},
    {"number": 7, "kind": POST, "status": "failed"},
]
# The command, its verb, and the id that it takes when none is passed.
VERBS = [
    (("show",), "show", an_id(7, POST)),
    (("watch",), "watch", an_id(7, POST)),
    (("open",), "open", an_id(7, POST)),
    (("open", "--pdf", "-"), "open", an_id(1)),
    (("open", "--md", "-"), "open", an_id(5, TEXT)),
    (("open", "--summary", "-"), "open", an_id(5, TEXT)),
    (("cancel", "--yes"), "cancel", an_id(6)),
    (("approve",), "approve", an_id(2)),
    (("approve", "--refuse", "--yes"), "approve", an_id(2)),
    (("decide", "send-again", "--yes"), "decide on", an_id(3)),
    (("retry",), "retry", an_id(4)),
]


def named(value: str | tuple[str, ...]) -> str:
    return value if isinstance(value, str) else " ".join(value)


@pytest.fixture
def world(installation: StubServer, monkeypatch: pytest.MonkeyPatch) -> StubServer:
    monkeypatch.setattr("webbrowser.open", lambda url: True)
    for one in WORLD:
        run = installation.add(**one)
        base = f"/api/workflows/{run.workflow_id}"
        installation.answers[f"{base}/approve"] = (202, {"outcome": "approve"}, {})
        installation.answers[f"{base}/decide"] = (202, {"status": "running"}, {})
        installation.answers[f"{base}/retry"] = (202, {"steps": ["llm_call"]}, {})
        texts = {name: f"{base}/texts/{name}" for name in ("text", "summary")}
        installation.answers[f"{base}/result"] = (200, {"texts": texts}, {})
        for path in texts.values():
            installation.answers[path] = (200, b"# Tides", {})
    return installation


def acted_on(installation: StubServer) -> str:
    """The id in the last request that names one."""
    return [path.split("/")[3].partition(".")[0] for path in installation.paths() if path.count("/") > 2][-1]


@pytest.mark.parametrize(("arguments", "verb", "id"), VERBS, ids=named)
def test_without_an_id_a_command_takes_the_latest_match_and_names_it(
    world: StubServer, command: Command, arguments: tuple[str, ...], verb: str, id: str
) -> None:
    result = command(*arguments)

    assert f"taking the latest to {verb}: {id} (tides)\n" in result.stderr
    assert acted_on(world) == id


@pytest.mark.parametrize(("arguments", "verb", "id"), VERBS, ids=named)
@pytest.mark.parametrize("length", [6, 10, 26])
def test_the_end_of_an_id_identifies_a_workflow(
    world: StubServer, command: Command, arguments: tuple[str, ...], verb: str, id: str, length: int
) -> None:
    name, *options = arguments

    result = command(name, id[-length:], *options)

    assert acted_on(world) == id
    assert "taking the latest" not in result.stderr


@pytest.mark.parametrize(("arguments", "verb", "id"), VERBS, ids=named)
def test_without_a_matching_workflow_the_command_is_exit_2(
    installation: StubServer, command: Command, arguments: tuple[str, ...], verb: str, id: str
) -> None:
    result = command(*arguments)

    assert (result.exit_code, installation.paths("POST")) == (2, [])
    assert result.stderr.startswith(f"error: there is nothing to {verb}\n  ")


def twins(installation: StubServer) -> list[str]:
    """Two workflows whose ids end alike."""
    ids = [an_id(1), an_id(1, POST)]
    for kind in (Kind.REPORT, POST):
        installation.add(1, kind, status="running")
    return ids


@pytest.mark.parametrize("verb", ["show", "watch", "open", "cancel", "approve", "retry"])
def test_an_ambiguous_end_of_an_id_names_both_and_changes_nothing(
    installation: StubServer, command: Command, verb: str
) -> None:
    report, post = twins(installation)

    result = command(verb, report[-8:], *(["--yes"] if verb == "cancel" else []))

    assert (result.exit_code, [path.partition("?")[0] for path in installation.paths()]) == (2, ["/api/workflows"])
    assert result.stderr == (
        f"error: 2 ids end in {report[-8:]}:\n  {post}\n  {report}\n  give one of them whole, or more of its end\n"
    )


def test_all_pages_of_the_list_are_searched(installation: StubServer, command: Command) -> None:
    installation.longest_page = 2
    for number in range(1, 8):
        installation.add(number, status="running")

    assert command("cancel", an_id(1)[-6:], "--yes").stdout == f"{an_id(1)} will be cancelled (now running)\n"
    assert [path.partition("cursor=")[2] for path in installation.paths("GET")] == ["", "2", "4", "6"]


@pytest.mark.parametrize(
    ("end_of_id", "words"),
    [
        ("12345", "'12345' is too short: give the last 6 characters of the id, or more"),
        ("zzzzzz", "there is none whose id ends in zzzzzz"),
        ("ABCDEF", "'ABCDEF' is not an id, nor the end of one"),
        ("report-123456", "'report-123456' is not an id, nor the end of one"),
        ("z" * 33, "is not an id, nor the end of one"),
    ],
)
def test_an_end_that_matches_no_id_is_refused(
    installation: StubServer, command: Command, end_of_id: str, words: str
) -> None:
    installation.add(1)

    result = command("show", end_of_id)

    assert result.exit_code == 2
    assert words in result.stderr


def a_schedule(letter: str, paused: bool = False) -> dict[str, Any]:
    return {"schedule_id": "recurring-" + letter * 32, "title": f"tides {letter}", "paused": paused, "next_at": None}


@pytest.fixture
def schedules(installation: StubServer) -> StubServer:
    rows = [a_schedule("c", paused=True), a_schedule("b"), a_schedule("a", paused=True)]
    installation.answers[SCHEDULES] = (200, {"schedules": rows}, {})
    for row in rows:
        path = f"{SCHEDULES}/{row['schedule_id']}"
        installation.answers |= {
            path: (204, b"", {}),
            f"{path}/pause": (200, row, {}),
            f"{path}/resume": (200, row, {}),
        }
    return installation


@pytest.mark.parametrize(("verb", "expected"), [("pause", "b"), ("resume", "c"), ("delete", "c")])
def test_a_schedule_is_taken_by_latest_match_or_by_the_end_of_its_id(
    schedules: StubServer, command: Command, verb: str, expected: str
) -> None:
    yes = ["--yes"] if verb == "delete" else []

    latest, by_end = command("schedule", verb, *yes), command("schedule", verb, "a" * 6, *yes)

    assert f"taking the latest to {verb}: recurring-{expected * 32} (tides {expected})" in latest.stderr
    assert [path.split("/")[3] for path in schedules.paths() if path != SCHEDULES] == [
        f"recurring-{expected * 32}",
        f"recurring-{'a' * 32}",
    ]
    assert (latest.exit_code, by_end.exit_code) == (0, 0)


def test_an_ambiguous_end_of_a_schedule_id_names_both(installation: StubServer, command: Command) -> None:
    rows = [a_schedule("a"), a_schedule("a") | {"schedule_id": "recurring-" + "b" * 16 + "a" * 16}]
    installation.answers[SCHEDULES] = (200, {"schedules": rows}, {})

    result = command("schedule", "pause", "aaaaaa")

    assert (result.exit_code, installation.paths()) == (2, [SCHEDULES])
    assert all(row["schedule_id"] in result.stderr for row in rows)


# Commands that end, delete or pay again, with words of their effect.
ENDING = [
    (("cancel", an_id(6)), "Cancel it? [y/N]: ", "there will be no report"),
    (("approve", an_id(2), "--refuse"), "Refuse it? [y/N]: ", "The report is cancelled"),
    (("decide", an_id(3), "send-again"), "Send again? [y/N]: ", "One more model call is made and charged"),
    (("decide", an_id(3), "give-up"), "Give up? [y/N]: ", "It ends here"),
    (("schedule", "delete", "recurring-" + "a" * 32), "Delete it? [y/N]: ", "the reports that it asked for stay"),
]


def changes(installation: StubServer) -> list[str]:
    return installation.paths("POST") + installation.paths("DELETE")


@pytest.mark.parametrize(("arguments", "question", "effect"), ENDING, ids=named)
def test_without_a_terminal_a_destructive_or_paid_command_needs_yes(
    world: StubServer, schedules: StubServer, command: Command, arguments: tuple[str, ...], question: str, effect: str
) -> None:
    refused = command(*arguments)

    assert (refused.exit_code, changes(world)) == (2, [])
    assert "there is nobody to ask; add --yes" in refused.stderr
    assert (command(*arguments, "--yes").exit_code, len(changes(world))) == (0, 1)


@pytest.mark.parametrize(("arguments", "question", "effect"), ENDING, ids=named)
def test_on_a_terminal_the_prompt_names_the_effect_and_defaults_to_no(
    world: StubServer,
    schedules: StubServer,
    process: Callable[..., Process],
    arguments: tuple[str, ...],
    question: str,
    effect: str,
) -> None:
    running = process(*arguments, on_terminal=True)

    prompt = running.read_until(question)
    running.type("\n")

    code, rest, _ = running.end()
    assert effect in prompt
    assert (code, changes(world)) == (5, [])
    assert "nothing was changed" in rest


@pytest.mark.parametrize(
    ("disposition", "name"),
    [
        ("inline; filename=\"tides-abc.pdf\"", "tides-abc.pdf"),
        ("inline; filename=\"report-abc.pdf\"; filename*=UTF-8''%E6%BD%AE%E6%B1%90-abc.pdf", "潮汐-abc.pdf"),
        ("inline; filename=\"../../x.pdf\"", f"{an_id()}.pdf"),
        ("inline; filename=\"x.pdf\"; filename*=UTF-8''..%2Fx%00.pdf", "x.pdf"),
        ("inline; filename=\".profile\"", f"{an_id()}.pdf"),
        ("", f"{an_id()}.pdf"),
    ],
)  # fmt: skip
def test_a_file_written_into_a_folder_gets_the_name_of_content_disposition(
    installation: StubServer, command: Command, tmp_path: Path, disposition: str, name: str
) -> None:
    folder = tmp_path / "downloads"
    folder.mkdir()
    installation.file_headers = {"Content-Disposition": disposition} if disposition else {}

    result = command("open", an_id(), "--pdf", str(folder))

    assert (result.exit_code, result.stdout) == (0, f"{folder / name}\n")
    assert [path.name for path in folder.iterdir()] == [name]
