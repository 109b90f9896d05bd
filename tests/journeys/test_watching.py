"""An interrupted stream continues without a gap or a repeat; a finished one is always the same."""

import threading

import httpx

from durable_research.event_parser import EventParser
from tests.installation import Installation, until


class Watcher(threading.Thread):
    """A client like a browser's EventSource: it reconnects with the last id that it saw."""

    def __init__(self, installation: Installation, report: str) -> None:
        super().__init__(daemon=True)
        self.installation, self.report = installation, report
        self.ids: list[int] = []
        self.connections = 0
        self.ended = False

    def run(self) -> None:
        while not self.ended:
            try:
                self._follow()
            except (httpx.HTTPError, FileNotFoundError):
                until("the API", self._answers)

    def _answers(self) -> bool:
        try:
            return httpx.get(f"{self.installation.api}/livez", timeout=2).status_code == 200
        except (httpx.HTTPError, FileNotFoundError):
            return False

    def _follow(self) -> None:
        headers = {"Last-Event-ID": str(self.ids[-1])} if self.ids else {}
        url = f"{self.installation.api}/api/workflows/{self.report}/events"
        with httpx.stream("GET", url, headers=headers, timeout=60) as stream:
            self.connections += 1
            parser = EventParser()
            for message in (message for chunk in stream.iter_bytes() for message in parser.feed(chunk)):
                if message.id is not None:
                    self.ids.append(int(message.id))
                self.ended = self.ended or message.event == "closed"


def test_an_api_killed_during_an_event_stream_leaves_no_gap_and_no_repeat(installation: Installation) -> None:
    installation.latency(6)
    report = installation.submit("The API dies while I watch")
    watcher = Watcher(installation, report)
    watcher.start()
    until("the stream", lambda: len(watcher.ids) >= 2)

    installation.kill("api")
    watcher.join(60)

    assert watcher.connections >= 2
    assert watcher.ids == list(range(1, len(watcher.ids) + 1))
    assert installation.finished(report)["status"] == "done"


def test_a_finished_event_stream_is_the_same_without_temporal_and_workers(own_installation: Installation) -> None:
    own_installation.environment["DURABLE_RESEARCH_FAILPOINTS"] = "llm_call.sent=kill@1"
    own_installation.start()
    own_installation.latency(0.5)
    report = own_installation.submit("Read the same for ever")
    before = own_installation.finished(report)
    own_installation.stop()
    own_installation.start(only="postgres,api")

    def stream(after: int | None) -> bytes:
        headers = {} if after is None else {"Last-Event-ID": str(after)}
        url = f"{own_installation.api}/api/workflows/{report}/events"
        return httpx.get(url, headers=headers, timeout=60).content

    for after in (None, *range(before["last_seq"] + 1)):
        assert stream(after) == stream(after)
    assert b"attempt_lost" in stream(None)
    assert stream(2).endswith(stream(4).split(b"\n\n", 1)[1])
    status = own_installation.status(report)
    assert (status["status"], status["workers"]["live"]) == ("done", 0)


def test_the_status_says_that_no_worker_is_running(own_installation: Installation) -> None:
    own_installation.start(only="postgres,temporal,api")
    report = own_installation.submit("Nobody works")

    status = own_installation.status(report)

    assert status["workers"]["live"] == 0
    assert "no worker is running" in status["waits_for"]["what"]
