"""Our journeys on the LiteLLM gateway: too large to install for every run, so by `make test-litellm` alone."""

from collections.abc import Callable, Iterator

import httpx
import pytest

from durable_research.domain.workflows.workflow import FINAL
from tests.installation import Installation, until
from tests.peers.gateway import KEY, Gateway
from tests.peers.peers import Llama
from tests.peers.wire import Wire
from tests.peers.world import lost, paid

pytestmark = pytest.mark.litellm
ONE = {"settled": 1, "possible_extra": 0}
NOTHING = {"settled": 0, "possible_extra": 0}


@pytest.fixture(scope="module")
def llama(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Llama]:
    peer = Llama(tmp_path_factory.mktemp("llama"))
    yield peer
    peer.stop()


@pytest.fixture(scope="module")
def backend(llama: Llama) -> Iterator[Wire]:
    """The connection between the gateway and its backend."""
    wire = Wire()
    wire.connect_to(llama.quick)
    yield wire
    wire.close()


@pytest.fixture(scope="module")
def gateway(backend: Wire, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    gateway = Gateway(tmp_path_factory.mktemp("gateway"), backend.port)
    yield gateway
    gateway.stop()


@pytest.fixture(scope="module")
def data(gateway: Gateway, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    settings = {
        "OPENAI_BASE_URL": f"http://127.0.0.1:{gateway.port}/v1",
        "OPENAI_API_KEY": KEY,
        "OPENAI_EMBEDDING_MODEL": "behind",
        "OPENAI_API": "chat",
        "DURABLE_RESEARCH_PROVIDER": "openai",
        "PROVIDER_WAIT_SECONDS": "5",
    }
    installation = Installation(tmp_path_factory.mktemp("gateway-data"), **settings)
    yield installation
    installation.stop()
    installation.discard()


@pytest.fixture
def start_with(data: Installation, backend: Wire) -> Callable[[str], Installation]:
    """The installation, restarted with another model: one data folder serves them all."""
    backend.restore()

    def start(model: str) -> Installation:
        data.stop()
        data.environment["OPENAI_MODEL"] = model
        return data.start()

    return start


def test_a_report_and_a_post_are_written_by_the_backend_of_the_gateway(
    start_with: Callable[[str], Installation], gateway: Gateway, llama: Llama
) -> None:
    installation = start_with("behind")
    before, behind = gateway.calls(), llama.calls()

    ends = [
        installation.finished(installation.submit("Why do tides differ?")),
        installation.finished(installation.submit_with(pipeline="blog-post", prompt="Why do tides differ?")),
    ]

    assert [end["status"] for end in ends] == ["done"] * 2
    calls = (gateway.calls() - before, llama.calls() - behind)
    assert lost(installation, *ends) or (calls, [end["charges"] for end in ends]) == ((2, 2), [ONE] * 2)


def test_a_429_without_retry_after_is_waited_for_without_a_charge(start_with: Callable[[str], Installation]) -> None:
    installation = start_with("busy")

    end = installation.finished(installation.submit("The gateway is busy"))

    assert (end["status"], end["error"]["code"]) == ("failed", "rate_limited")
    assert lost(installation, end) or end["charges"] == NOTHING


@pytest.mark.parametrize("model", ["full", "nobody-knows-me"])
def test_a_refused_call_is_sent_once_without_a_charge(
    start_with: Callable[[str], Installation], gateway: Gateway, model: str
) -> None:
    """A context that is full, and a model that is not in its list: a plain 400 each, without a code of OpenAI's."""
    installation = start_with(model)
    before = gateway.calls()

    end = installation.finished(installation.submit("What is refused"))

    assert end["status"] == "failed"
    assert lost(installation, end) or (gateway.calls() - before, end["charges"]) == (1, NOTHING)


def test_a_backend_that_is_down_for_seconds_loses_no_report(
    start_with: Callable[[str], Installation], gateway: Gateway, backend: Wire, llama: Llama
) -> None:
    """The gateway answers 500, which may have been charged: each further call is counted."""
    installation = start_with("behind")
    before, behind = gateway.calls(), llama.calls()
    backend.cut()
    report = installation.submit("The backend is down")

    def called_three_times() -> bool:
        return gateway.calls() - before >= 3 or installation.status(report)["status"] in FINAL

    until("the gateway to be asked three times", called_three_times)

    backend.restore()
    httpx.post(f"{installation.api}/api/workflows/{report}/retry", timeout=30)

    end = installation.finished(report)
    assert end["status"] == "done", end
    assert lost(installation, end) or llama.calls() - behind == 1
    assert gateway.calls() - before <= paid(end)
