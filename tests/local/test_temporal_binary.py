"""The sources of the Temporal program, their order, and the messages about them."""

import threading
import time
from pathlib import Path

import pytest

from durable_research.local.console import Say
from durable_research.local.errors import Interrupted, TemporalMissing
from durable_research.local.temporal.binary import find_temporal
from durable_research.local.temporal.build import BuildFailed, build_temporal
from tests.local.running import eventually

NOWHERE = "http://127.0.0.1:1"


def script(path: Path, words: str = "temporal version 1.8.2 (Server 1.31.2)", code: int = 0) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\necho '{words}'\nexit {code}\n")
    path.chmod(0o755)
    return path


class Builder:
    """Builds in no time, and counts."""

    def __init__(self, *, works: bool = True, leaves: bool = True) -> None:
        self.works, self.leaves, self.built = works, leaves, 0

    def __call__(self, destination: Path, cache: Path, say: Say, stop: threading.Event) -> None:
        self.built += 1
        if self.leaves:
            script(destination, code=0 if self.works else 1)
        if not self.works:
            raise BuildFailed("no Go today")


@pytest.fixture(autouse=True)
def bare_machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("TEMPORAL_CLI_PATH", raising=False)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/usr/bin:/bin")


def find(tmp_path: Path, builder: Builder | None = None, stop: threading.Event | None = None) -> tuple[Path, list[str]]:
    messages: list[str] = []
    found = find_temporal(
        messages.append, cache=tmp_path / "cache", base_url=NOWHERE, build=builder or Builder(works=False), stop=stop
    )
    return found, messages


def test_a_configured_program_takes_precedence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    named = script(tmp_path / "mine" / "temporal")
    script(tmp_path / "bin" / "temporal")
    monkeypatch.setenv("TEMPORAL_CLI_PATH", str(named))

    assert find(tmp_path) == (named, [])


def test_a_missing_configured_program_is_reported_and_the_next_source_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    on_path = script(tmp_path / "bin" / "temporal")
    monkeypatch.setenv("TEMPORAL_CLI_PATH", "/no/such/temporal")

    assert find(tmp_path) == (
        on_path,
        ["TEMPORAL_CLI_PATH names /no/such/temporal, but there is no such file; trying the next way"],
    )


def test_a_broken_program_on_path_is_skipped(tmp_path: Path) -> None:
    broken = script(tmp_path / "bin" / "temporal", code=3)
    cached = script(tmp_path / "cache" / "temporal-1.8.2" / "temporal")

    found, messages = find(tmp_path)

    assert found == cached
    assert messages == [
        f"{broken} is on PATH, but `--version` did not answer like Temporal's (exit code 3); trying the next way"
    ]


def test_a_cached_program_needs_neither_network_nor_build(tmp_path: Path) -> None:
    cached = script(tmp_path / "cache" / "temporal-1.8.2" / "temporal")
    builder = Builder()

    assert (find(tmp_path, builder)[0], builder.built) == (cached, 0)


def test_a_built_program_is_cached(tmp_path: Path) -> None:
    builder = Builder()
    first, _ = find(tmp_path, builder)

    again, _ = find(tmp_path, builder)

    assert (first, again, builder.built) == (tmp_path / "cache" / "temporal-1.8.2" / "temporal", first, 1)


def test_each_source_that_fails_is_reported_before_the_next(tmp_path: Path) -> None:
    _, messages = find(tmp_path, Builder())

    assert [words.split(" (")[0] for words in messages] == [
        "there is no `temporal` on PATH; trying the next way",
        "no program in our cache",
        f"downloading the temporal program 1.8.2 from {NOWHERE}/temporal_cli_1.8.2_linux_amd64.tar.gz",
        f"the download from {NOWHERE}/temporal_cli_1.8.2_linux_amd64.tar.gz could not be started",
    ]


def test_when_every_source_fails_the_error_lists_them_and_the_remedies(tmp_path: Path) -> None:
    with pytest.raises(TemporalMissing) as missing:
        find(tmp_path)

    words = str(missing.value)
    assert all(part in words for part in ("could not be started", "no Go today", "TEMPORAL_CLI_PATH=", "on PATH"))


def test_a_failed_build_leaves_no_program_in_the_cache(tmp_path: Path) -> None:
    with pytest.raises(TemporalMissing):
        find(tmp_path, Builder(works=False, leaves=True))

    assert [path.name for path in (tmp_path / "cache" / "temporal-1.8.2").iterdir()] == ["lock"]


def test_a_built_program_that_does_not_run_is_not_cached(tmp_path: Path) -> None:
    def useless(destination: Path, cache: Path, say: Say, stop: threading.Event) -> None:
        script(destination, code=1)

    with pytest.raises(TemporalMissing, match="the program was made, but"):
        find_temporal(lambda words: None, cache=tmp_path / "cache", base_url=NOWHERE, build=useless)
    assert not (tmp_path / "cache" / "temporal-1.8.2" / "temporal").exists()


def test_remains_of_a_killed_build_are_removed_and_not_used(tmp_path: Path) -> None:
    left_over = script(tmp_path / "cache" / "temporal-1.8.2" / "partial-abc" / "temporal")

    find(tmp_path, Builder())

    assert not left_over.parent.exists()


def test_a_second_process_waits_for_the_first_build_and_uses_its_program(tmp_path: Path) -> None:
    begun, go_on = threading.Event(), threading.Event()

    def slow(destination: Path, cache: Path, say: Say, stop: threading.Event) -> None:
        begun.set()
        assert go_on.wait(20)
        script(destination)

    first = threading.Thread(
        target=lambda: find_temporal(lambda words: None, cache=tmp_path / "cache", base_url=NOWHERE, build=slow)
    )
    first.start()
    assert begun.wait(20)
    messages: list[str] = []
    second_builder = Builder()
    second = threading.Thread(
        target=lambda: find_temporal(messages.append, cache=tmp_path / "cache", base_url=NOWHERE, build=second_builder)
    )
    second.start()
    eventually(
        lambda: any("another process is already" in words for words in messages), "the second to say that it waits"
    )
    go_on.set()
    first.join(20)
    second.join(20)

    assert second_builder.built == 0


def test_a_process_that_waits_for_another_build_can_be_stopped(tmp_path: Path) -> None:
    stop = threading.Event()
    stop.set()
    begun, go_on = threading.Event(), threading.Event()

    def slow(destination: Path, cache: Path, say: Say, stop: threading.Event) -> None:
        begun.set()
        assert go_on.wait(20)
        script(destination)

    first = threading.Thread(
        target=lambda: find_temporal(lambda words: None, cache=tmp_path / "cache", base_url=NOWHERE, build=slow)
    )
    first.start()
    assert begun.wait(20)
    try:
        with pytest.raises(Interrupted):
            find(tmp_path, stop=stop)
    finally:
        go_on.set()
        first.join(20)


def go_that(tmp_path: Path, version: str, does: str) -> Path:
    """Put a pretend Go on PATH."""
    go = tmp_path / "bin" / "go"
    go.parent.mkdir(parents=True, exist_ok=True)
    go.write_text(f'#!/bin/sh\nif [ "$1" = version ]; then echo go version {version} linux/amd64; exit; fi\n{does}\n')
    go.chmod(0o755)
    return go


def built_by(tmp_path: Path, stop: threading.Event | None = None) -> Path:
    destination = tmp_path / "made" / "temporal"
    destination.parent.mkdir()
    build_temporal(destination, tmp_path / "cache", lambda words: None, stop or threading.Event())
    return destination


def test_go_is_called_with_the_pinned_versions_and_flags(tmp_path: Path) -> None:
    go_that(tmp_path, "go1.26.4", f'echo "$@" >> {tmp_path}/arguments')

    made = built_by(tmp_path)

    listing, building = (tmp_path / "arguments").read_text().splitlines()
    flags = "-mod=readonly -trimpath -ldflags -s -w -X github.com/temporalio/cli/internal/temporalcli.Version=1.8.2"
    assert (listing.startswith("list -C /"), building.startswith("build -C /")) == (True, True)
    assert f"/tools {flags} -deps -f " in listing
    assert building.endswith(f"/tools -v {flags} -o {made} github.com/temporalio/cli/cmd/temporal")


def test_a_failed_build_shows_the_end_of_gos_output(tmp_path: Path) -> None:
    go_that(tmp_path, "go1.27.0", "echo dial tcp: no such host >&2; exit 1")

    with pytest.raises(BuildFailed, match="dial tcp: no such host"):
        built_by(tmp_path)


def test_a_stopped_build_leaves_no_go_process(tmp_path: Path) -> None:
    go_that(tmp_path, "go1.26.4", f"echo $$ > {tmp_path}/pid; sleep 600")
    stop = threading.Event()
    ended: list[BaseException] = []

    def build() -> None:
        try:
            built_by(tmp_path, stop)
        except Interrupted as interrupted:
            ended.append(interrupted)

    thread = threading.Thread(target=build)
    thread.start()
    pid = eventually(lambda: (tmp_path / "pid").exists() and (tmp_path / "pid").read_text().strip(), "go to run")
    stop.set()
    thread.join(20)

    assert ended
    eventually(lambda: not Path(f"/proc/{pid}").exists(), "go to be gone")


def test_a_go_version_that_is_too_old_is_skipped_for_the_pinned_one(tmp_path: Path) -> None:
    go_that(tmp_path, "go1.22.0", "exit 1")
    cached = tmp_path / "cache" / "go-1.26.6" / "go" / "bin" / "go"
    cached.parent.mkdir(parents=True)
    go_that(tmp_path, "go1.26.6", "exit 0").rename(cached)
    go_that(tmp_path, "go1.22.0", "exit 1")

    built_by(tmp_path)


def test_building_from_an_installed_package_fails_as_it_needs_the_sources(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("durable_research.local.temporal.build.source_checkout", lambda: None)

    with pytest.raises(BuildFailed, match="needs the project's source checkout"):
        built_by(tmp_path)


def test_a_build_reports_compiled_packages_out_of_all_listed_ones(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("durable_research.local.temporal.build.PROGRESS_EVERY_SECONDS", 0.1)
    fetches = "echo 'go: downloading example.org/x v1' >&2; echo 'go: downloading example.org/y v2' >&2"
    lists = (
        f'if [ "$1" = list ]; then {fetches}; {until_marked(tmp_path, "fetched")}; printf "a/b\\nc/d\\ne\\n"; exit; fi'
    )
    builds = f"echo '# some words of the compiler' >&2; printf 'a/b\\nc/d\\n' >&2; {until_marked(tmp_path, 'compiled')}"
    go_that(tmp_path, "go1.26.4", f"{lists}\n{builds}")
    (tmp_path / "made").mkdir()
    messages: list[str] = []
    began = time.monotonic()

    def say(words: str) -> None:
        messages.append(words.partition(" s so far")[2] or words)
        for end, file in (("modules fetched", "fetched"), ("2 of 3 packages", "compiled")):
            if words.endswith(end) or time.monotonic() - began > 20:
                (tmp_path / file).touch()

    build_temporal(tmp_path / "made" / "temporal", tmp_path / "cache", say, threading.Event())

    assert messages[-1] == "; 2 of 3 packages"
    assert "; 2 modules fetched" in messages
    assert [words for words in messages if "downloading" in words] == []


def until_marked(tmp_path: Path, name: str) -> str:
    return f"while [ ! -e {tmp_path}/{name} ]; do sleep 0.05; done"


def test_a_failed_package_list_shows_the_end_of_gos_output(tmp_path: Path) -> None:
    go_that(tmp_path, "go1.26.4", "echo no such host >&2; exit 1")

    with pytest.raises(BuildFailed, match="fetching the sources failed:\nno such host"):
        built_by(tmp_path)
