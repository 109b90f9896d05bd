"""A report that fails by each code by which one can: what page, API and commands offer, that it is resumed by one of these
doors, and what the provider has billed then.

One installation runs all reports at once; then each test checks one of them.
"""

from dataclasses import dataclass, field
from itertools import cycle
from pathlib import Path
from typing import Any

import httpx
import pytest
from click.testing import CliRunner

from durable_research.cli.main import cli
from tests.installation import Installation, until

# Waits and silences that end a report within seconds, and that a busy machine does not reach by itself.
SETTINGS = {
    "PROVIDER_WAIT_SECONDS": "2",
    "MODEL_SILENCE_SECONDS": "8",
    "MODEL_FIRST_BYTE_SECONDS": "8",
    "MODEL_LONGEST_SECONDS": "30",
    "DURABLE_RESEARCH_SETTLE_SECONDS": "2",
}
PATIENCE_SECONDS = 180.0
ALWAYS = 1_000_000
FREE, SEND, ANSWER = "nothing", "another_send", "another_answer"


@dataclass(frozen=True, eq=False)  # one of its kind: a key of dictionaries
class Failing:
    """`billed` are the calls in the provider's log when it has failed, `then` those that resuming adds.

    `resumed` is what is sent: nothing, the text, or a yes. `has_text` is None where a draft may have been seen in time, or
    none. Failures from which the workers learn a lasting server limit come last.
    """

    code: str
    provider_fault: dict[str, str] = field(default_factory=dict)
    price: str = FREE
    billed: int = 0
    then: int = 1
    resumed: str = ""
    has_text: bool | None = False
    stage: int = 0
    settled: int = 1

    @property
    def name(self) -> str:
        return "-".join([self.code, *self.provider_fault.values()])


FAILINGS = (
    Failing("rate_limited", {"fault": "429"}),
    Failing("model_unavailable", {"fault": "500"}),
    Failing("provider_silent", {"fault": "timeout"}),
    Failing("model_refused", {"fault": "401"}),
    Failing("quota_exhausted", {"quirk": "no_money"}),
    Failing("model_too_large", {"fault": "too_large"}),
    Failing("model_declined", {"fault": "content_filter"}),
    # Accepted and ended without an answer, which is not charged: the log has the calls and the ledger no charge.
    Failing("generation_failed", {"fault": "failed"}, billed=3, has_text=None),
    Failing("model_stopped", {"quirk": "unknown_reason"}, ANSWER, 1, 0, "text", has_text=True),
    Failing("model_truncated", {"fault": "truncated"}, ANSWER, 4, 0, "text", has_text=True, settled=4),
    Failing("model_declined", {"fault": "filtered"}, ANSWER, 1, 1, "yes", has_text=None, settled=2),
    Failing("model_declined", {"fault": "refused"}, ANSWER, 1, 1, "yes", settled=2),
    Failing("empty_output", {"fault": "empty"}, ANSWER, 2, 1, "yes", settled=3),
    Failing("only_reasoning", {"quirk": "only_reasoning"}, ANSWER, 1, 1, "yes", settled=2),
    Failing("unconfirmed_effect", {"quirk": "forgets"}, SEND, 2, 1, "yes", stage=1, settled=3),
)


@dataclass
class Seen:
    """What the user sees: after the failure, after a refused resumption, and at the end."""

    id: str
    failed: dict[str, Any] = field(default_factory=dict)
    page: str = ""
    shown: str = ""
    text: str = ""
    billed: int = 0
    refused: int = 0
    ended: dict[str, Any] = field(default_factory=dict)
    billed_at_end: int = 0
    closings: list[int] = field(default_factory=list)


class Journey:
    """One installation, and the doors by which its reports are resumed in turn."""

    def __init__(self, installation: Installation, api: httpx.Client, folder: Path) -> None:
        self.installation = installation
        self.api = api
        self.folder = folder
        self.doors = cycle((self._by_api, self._by_page, self._by_command))

    def submit(self, number: int, one: Failing) -> Seen:
        word = f"odd{number:03d}"
        if one.provider_fault:
            fault = {"match": word, "kind": "model_call", "times": ALWAYS, **one.provider_fault}
            self.installation.simulator("faults", fault)
        return Seen(self.installation.submit(f"ECHO: # About {word}\n\nA line of it.\n\nAnd {word} ends so."))

    def collect(self, number: int, seen: Seen) -> None:
        seen.failed = self._ended(seen.id)
        seen.page = self.api.get(f"/reports/{seen.id}").text
        seen.shown = self._command("show", seen.id)
        seen.billed = self._billed(number)
        if seen.failed["text_url"]:
            seen.text = self.api.get(seen.failed["text_url"]).text

    def resume(self, one: Failing, seen: Seen) -> None:
        if one.resumed == "yes":
            seen.refused = self.api.post(f"/api/workflows/{seen.id}/resume", json={}).status_code
        next(self.doors)(seen.id, seen.text if one.resumed == "text" else "", is_agreed=one.resumed == "yes")

    def end(self, number: int, seen: Seen) -> None:
        seen.ended = self._ended(seen.id)
        seen.billed_at_end = self._billed(number)
        events = self.installation.events(seen.id)
        seen.closings = [event.get("resumption", 0) for event in events if event["kind"] == "closed"]

    def _by_api(self, id: str, text: str, *, is_agreed: bool) -> None:
        body = ({"text": text} if text else {}) | ({"accept_charge": True} if is_agreed else {})
        assert self.api.post(f"/api/workflows/{id}/resume", json=body).status_code == 202

    def _by_page(self, id: str, text: str, *, is_agreed: bool) -> None:
        form = {"token": id} | ({"text": text} if text else {}) | ({"accept_charge": "yes"} if is_agreed else {})
        assert self.api.post(f"/reports/{id}/resume", data=form).status_code == 303

    def _by_command(self, id: str, text: str, *, is_agreed: bool) -> None:
        file = self.folder / f"{id}.md"
        file.write_text(text)
        more = (["--text", str(file)] if text else []) + (["--yes"] if is_agreed else [])
        assert "goes on" in self._command("resume", id, *more)

    def _command(self, *arguments: str) -> str:
        server = {"DURABLE_RESEARCH_SERVER": self.installation.api}
        result = CliRunner(env=server).invoke(cli, arguments, catch_exceptions=False)
        assert result.exit_code == 0, result.output
        return result.stdout

    def _billed(self, number: int) -> int:
        return len(self.installation.billing_log(f"odd{number:03d}"))

    def _ended(self, id: str) -> dict[str, Any]:
        def look() -> dict[str, Any] | None:
            status: dict[str, Any] = self.api.get(f"/api/workflows/{id}/status").raise_for_status().json()
            return status if status["status"] in {"failed", "done"} else None

        return until(f"{id} to end", look, PATIENCE_SECONDS)


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> dict[Failing, Seen]:
    folder = tmp_path_factory.mktemp("resuming")
    found: dict[Failing, Seen] = {}
    with (
        Installation(folder / "data", **SETTINGS) as installation,
        httpx.Client(base_url=installation.api, timeout=30) as api,
    ):
        installation.latency(0.2)
        journey = Journey(installation, api, folder)
        for stage in range(1 + max(one.stage for one in FAILINGS)):
            mine = [(number, one) for number, one in enumerate(FAILINGS) if one.stage == stage]
            found |= {one: journey.submit(number, one) for number, one in mine}
            for number, one in mine:
                journey.collect(number, found[one])
            installation.clear_faults()
            for _, one in mine:
                journey.resume(one, found[one])
            for number, one in mine:
                journey.end(number, found[one])
    return found


EACH = pytest.mark.parametrize("one", FAILINGS, ids=lambda one: one.name)


@EACH
def test_a_failed_report_offers_resumption_with_its_price(one: Failing, seen: dict[Failing, Seen]) -> None:
    status = seen[one].failed
    is_costly = one.price != FREE

    assert (status["status"], status["error"]["code"], seen[one].billed) == ("failed", one.code, one.billed)
    offer = status["resume"]
    assert (offer["price"], offer["may_charge_again"]) == (one.price, is_costly)
    assert offer["has_text"] is (bool(seen[one].text) if one.has_text is None else one.has_text)
    assert ">Resume</button>" in seen[one].page
    assert ('name="accept_charge"' in seen[one].page) is is_costly
    assert f"durable-research resume {seen[one].id} ({offer['words']})" in seen[one].shown


@pytest.mark.parametrize("one", [one for one in FAILINGS if one.has_text], ids=lambda one: one.name)
def test_the_paid_text_of_a_failed_report_can_be_read(one: Failing, seen: dict[Failing, Seen]) -> None:
    assert seen[one].text.startswith("# About odd")
    assert "Go on with my text" in seen[one].page
    assert f"durable-research open {seen[one].id} --md FILE" in seen[one].shown


@EACH
def test_a_resumed_report_finishes_with_the_accepted_charges_only(one: Failing, seen: dict[Failing, Seen]) -> None:
    outcome = seen[one]

    assert (outcome.ended["status"], outcome.billed_at_end) == ("done", one.billed + one.then), outcome.ended
    assert outcome.ended["charges"]["settled"] == one.settled
    assert outcome.closings == [0, 1]
    assert outcome.refused == (409 if one.resumed == "yes" else 0)
