"""Providers with the quirks of real ones, each with its own report or post: what the user gets, and what was paid.

One installation for each API runs all requests at once; then each test checks one of the outcomes.
"""

import io
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pypdf
import pytest

from durable_research.domain.workflows.workflow import FINAL
from durable_research.experiments.evidence.quirks import EXPECTED, Expected
from tests.installation import Installation, until

# No deadline of these is meant to end anything here: a slow answer and a silent one outlast the silence that is allowed between
# two bytes, and each other deadline is longer than all that happens.
SETTINGS = {
    "PROVIDER_WAIT_SECONDS": "600",
    "MODEL_SILENCE_SECONDS": "15",
    "MODEL_FIRST_BYTE_SECONDS": "120",
    "MODEL_LONGEST_SECONDS": "300",
    "DURABLE_RESEARCH_SETTLE_SECONDS": "5",
}
APIS = ("chat", "responses", "chat-stored")
PATIENCE_SECONDS = 300.0
SENTENCE = "The sea comes and goes twice a day, as the moon pulls at it. "
CUT = "cut at the model's longest"
HELD = "waiting_for_you"


@dataclass
class Met:
    """The outcome of one quirk."""

    expected: Expected
    id: str
    status: dict[str, Any] = field(default_factory=dict)
    billed: int = 0
    report: dict[str, Any] = field(default_factory=dict)
    markdown: str = ""
    pdf: str = ""

    @property
    def charges(self) -> dict[str, int]:
        """The charges that the API reports."""
        name = "embedding_charges" if self.expected.kind == "embedding" else "charges"
        charges: dict[str, int] = self.status[name]
        return charges

    @property
    def error(self) -> dict[str, Any]:
        """The error of a failed one."""
        return self.status["error"] or {}


def word_prefix(expected: Expected) -> str:
    """Its own word in prompt and text: short, so that no line is broken in it, and no part of another's."""
    return f"odd{EXPECTED.index(expected):03d}"


def prompt_of(expected: Expected) -> str:
    word = word_prefix(expected)
    return f"ECHO: # About {word}\n\nIt begins 🌊 so.\n\n{SENTENCE * 12}\n\nAnd {word} ends so.\n"


class QuirkRunner:
    """One installation, called over one connection: a client for each question would cost more than the questions."""

    def __init__(self, installation: Installation) -> None:
        self._installation = installation
        self._api = httpx.Client(base_url=installation.api, timeout=60)

    def submit(self, expected: Expected) -> Met:
        for fault in expected.fault_requests(word_prefix(expected)):
            self._installation.simulator("faults", fault)
        title = {"title": f"About {word_prefix(expected)}"} if expected.pipeline == "blog-post" else {}
        body = {"prompt": prompt_of(expected), **title}
        answer = self._api.post(f"/api/workflows/{expected.pipeline}", json=body).raise_for_status()
        return Met(expected, answer.json()["workflow_id"])

    def collect(self, met: Met) -> None:
        """Wait for its end, and take everything that a person could see of it."""
        met.status = until(f"{met.expected.name} to end", lambda: self._ended(met.id), PATIENCE_SECONDS)
        met.billed = len(self._installation.billing_log(word_prefix(met.expected), met.expected.kind))
        if met.status["status"] != "done":
            return
        if met.expected.pipeline == "blog-post":
            met.markdown = self._api.get(f"/api/workflows/{met.id}/texts/text").text
            return
        met.markdown = self._api.get(f"/api/reports/{met.id}.md").text
        met.report = self._api.get(f"/api/reports/{met.id}").json()
        pages = pypdf.PdfReader(io.BytesIO(self._api.get(f"/api/reports/{met.id}.pdf").content)).pages
        # Whatever is broken into lines is one text again.
        met.pdf = " ".join(" ".join(page.extract_text() for page in pages).split())

    def _ended(self, workflow_id: str) -> dict[str, Any] | None:
        status: dict[str, Any] = self._api.get(f"/api/workflows/{workflow_id}/status").raise_for_status().json()
        return status if status["status"] in FINAL | {HELD} else None

    def close(self) -> None:
        self._api.close()


Meet = Callable[[str, Expected], Met]


@pytest.fixture(scope="module")
def meet(tmp_path_factory: pytest.TempPathFactory) -> Meet:
    """The outcome of one quirk; the first use of an API submits the requests for all quirks of that API."""
    found: dict[str, dict[str, Met]] = {}

    def met(api: str, expected: Expected) -> Met:
        if api not in found:
            found[api] = all_met(tmp_path_factory.mktemp(f"quirks-{api}"), api)
        return found[api][word_prefix(expected)]

    return met


def all_met(folder: Path, api: str) -> dict[str, Met]:
    """By its word. Quirks from which the processes learn a lasting server limit come last."""
    expected_of_api = [one for one in EXPECTED if api in one.apis]
    found: dict[str, Met] = {}
    with Installation(folder, OPENAI_API=api, **SETTINGS) as installation, closing(QuirkRunner(installation)) as runner:
        installation.latency(0.5)
        for stage in range(1 + max(one.stage for one in expected_of_api)):
            begun = [runner.submit(one) for one in expected_of_api if one.stage == stage]
            for one in begun:
                runner.collect(one)
            found |= {word_prefix(one.expected): one for one in begun}
    return found


EACH = [(api, one) for api in APIS for one in EXPECTED if api in one.apis]


def named(value: str | Expected) -> str:
    return value if isinstance(value, str) else f"{value.pipeline}-{value.name}"


@pytest.mark.parametrize(("api", "expected"), EACH, ids=named)
def test_a_report_with_each_provider_quirk_has_the_expected_outcome(meet: Meet, api: str, expected: Expected) -> None:
    outcome = meet(api, expected)

    end = outcome.status["status"], outcome.error.get("code"), outcome.billed
    assert end == (expected.status, expected.error, expected.billed), outcome.status
    assert expected.names in outcome.error.get("detail", "")


@pytest.mark.parametrize(("api", "expected"), EACH, ids=named)
def test_every_charge_with_each_provider_quirk_is_reported(meet: Meet, api: str, expected: Expected) -> None:
    outcome = meet(api, expected)

    settled = expected.billed - expected.possible_extra
    assert outcome.charges == {"settled": settled, "possible_extra": expected.possible_extra}


@pytest.mark.parametrize(
    ("api", "expected"),
    [(api, one) for api, one in EACH if one.status == "done"],
    ids=named,
)
def test_the_text_of_a_provider_with_a_quirk_is_published_completely(meet: Meet, api: str, expected: Expected) -> None:
    outcome, word = meet(api, expected), word_prefix(expected)
    ends = [] if expected.is_cut and expected.billed == 1 else [f"And {word} ends so."]

    for words in (f"About {word}", "It begins 🌊 so.", *ends):
        assert words in outcome.markdown
        if expected.pipeline == "generate-report":
            assert words in outcome.pdf


@pytest.mark.parametrize(
    ("api", "expected"),
    [(api, one) for api, one in EACH if one.pipeline == "generate-report" and one.status == "done"],
    ids=named,
)
def test_estimated_usage_and_cut_text_are_marked_in_the_report(meet: Meet, api: str, expected: Expected) -> None:
    outcome = meet(api, expected)

    usage = outcome.report["usage"]
    assert usage["output_tokens"] > 0
    assert usage["is_estimate"] or not expected.is_estimate
    assert (f"about {usage['input_tokens']:,} in" in outcome.pdf) is usage["is_estimate"]
    assert (CUT in outcome.pdf) is expected.is_cut
