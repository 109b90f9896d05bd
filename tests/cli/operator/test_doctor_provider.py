"""Doctor's findings about a model provider, from its list of models alone: a real server for each answer."""

import json
import socket
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from durable_research.cli.operator.doctor import model_list
from durable_research.cli.operator.doctor.findings import Finding
from durable_research.cli.operator.doctor.provider import examine_provider
from durable_research.settings import settings

KEY = "sk-do-not-print-me"
MODEL = "gpt-5-mini"
EMBEDDING = "text-embedding-3-small"


class Provider:
    """It answers everything with the same."""

    def __init__(self) -> None:
        self.status = 200
        self.headers: dict[str, str] = {}
        self.body = b"{}"
        self.requests: list[tuple[str, str, str | None]] = []
        provider = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                provider.requests.append((self.command, self.path, self.headers["Authorization"]))
                self.send_response(provider.status)
                for name, value in {**provider.headers, "Content-Length": str(len(provider.body))}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(provider.body)

            do_POST = do_GET

            def log_message(self, *words: object) -> None:
                """Log nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()
        self.url = f"http://127.0.0.1:{self._server.server_port}/v1"

    def lists(self, *models: str | dict[str, Any]) -> None:
        entries = [{"id": one, "object": "model"} if isinstance(one, str) else one for one in models]
        self.body = json.dumps({"object": "list", "data": entries}).encode()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def provider() -> Iterator[Provider]:
    provider = Provider()
    yield provider
    provider.stop()


Examine = Callable[..., dict[str, Finding]]


@pytest.fixture
def examine(provider: Provider, monkeypatch: pytest.MonkeyPatch) -> Examine:
    def examined(**environment: str) -> dict[str, Finding]:
        variables = {"OPENAI_BASE_URL": provider.url, "OPENAI_API_KEY": KEY, **environment}
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        found = {one.name: one for one in examine_provider(settings.load())}
        assert KEY not in str(found)
        return found

    return examined


def test_the_provider_check_requests_only_the_list_of_models(provider: Provider, examine: Examine) -> None:
    provider.lists(MODEL, EMBEDDING)

    found = examine()

    assert provider.requests == [("GET", "/v1/models", f"Bearer {KEY}")]
    assert [(name, one.ok) for name, one in found.items()] == [
        ("provider", True),
        ("model", True),
        ("embeddings", True),
        ("lost answers", True),
    ]
    assert "lists 2 models; no call was paid" in found["provider"].detail


@pytest.mark.parametrize(
    "context_fields",
    [
        {"context_length": 8192},
        {"max_model_len": 8192},
        {"context_window": 8192},
        {"max_context_length": 8192},
        {"meta": {"n_ctx_train": 8192}},
        {"meta": {"n_ctx": 8192, "n_ctx_train": 131072}},
    ],
    ids=lambda context_fields: "-".join(context_fields),
)
def test_the_context_length_is_shown_when_the_list_reports_it(
    provider: Provider, examine: Examine, context_fields: dict[str, Any]
) -> None:
    provider.lists({"id": MODEL, **context_fields})

    assert examine()["model"].detail == "gpt-5-mini is offered, 8,192 tokens of context"


@pytest.mark.parametrize(
    "context_fields", [{}, {"context_length": "8k"}, {"context_length": None, "meta": []}, {"aliases": 3}]
)
def test_an_unreadable_context_length_is_left_out(
    provider: Provider, examine: Examine, context_fields: dict[str, Any]
) -> None:
    provider.lists({"id": MODEL, **context_fields}, {"name": "no id"})

    assert examine()["model"].detail == "gpt-5-mini is offered"


@pytest.mark.parametrize(
    "listed", [{"id": f"{MODEL}:latest"}, {"id": f"models/{MODEL}"}, {"id": "x", "aliases": [MODEL]}]
)
def test_a_model_is_found_by_every_name_that_its_server_accepts(
    provider: Provider, examine: Examine, listed: dict[str, Any]
) -> None:
    provider.lists(listed)

    assert examine()["model"].ok


def test_a_missing_model_is_a_failure_that_suggests_similar_names(provider: Provider, examine: Examine) -> None:
    provider.lists("gpt-5-mini-2026", "gpt-5", "whisper-1")

    found = examine()["model"]

    assert found.is_blocking
    assert found.detail == "gpt-5-mini is not among them"
    assert found.remedy == "set OPENAI_MODEL to one that is offered, such as: gpt-5-mini-2026, gpt-5"


def test_without_a_similar_name_some_offered_models_are_named(provider: Provider, examine: Examine) -> None:
    provider.lists("qwen3", "mistral")

    assert examine()["model"].remedy == "set OPENAI_MODEL to one that is offered, such as: qwen3, mistral"


def test_the_llama_cpp_server_accepts_any_model_name(provider: Provider, examine: Examine) -> None:
    provider.lists({"id": "tiny-words", "owned_by": "llamacpp"})

    found = examine()["model"]

    assert (found.ok, found.is_blocking) == (False, False)
    assert "llama.cpp's server takes any name" in found.detail


def test_a_missing_azure_model_is_a_warning_as_deployments_are_not_listed(provider: Provider, examine: Examine) -> None:
    provider.lists("gpt-5")

    found = examine(DURABLE_RESEARCH_PROVIDER="azure", OPENAI_MODEL="my-deployment")["model"]

    assert (found.ok, found.is_blocking) == (False, False)
    assert "not your deployments" in found.detail


def test_a_missing_embedding_model_is_only_a_warning(provider: Provider, examine: Examine) -> None:
    provider.lists(MODEL)

    found = examine()["embeddings"]

    assert (found.ok, found.is_blocking) == (False, False)
    assert "OPENAI_EMBEDDING_MODEL" in found.remedy


def test_an_own_embedding_address_is_checked_without_the_models_key(provider: Provider, examine: Examine) -> None:
    provider.lists(MODEL)
    elsewhere = Provider()
    elsewhere.lists(EMBEDDING)

    found = examine(OPENAI_EMBEDDING_BASE_URL=elsewhere.url)["embeddings"]
    elsewhere.stop()

    assert found.ok
    assert [key for _, _, key in elsewhere.requests] == ["Bearer missing"]


def test_a_wrong_embedding_address_is_named_by_its_setting(provider: Provider, examine: Examine) -> None:
    provider.lists(MODEL)

    found = examine(OPENAI_EMBEDDING_BASE_URL="http://127.0.0.1:9/v1")["embeddings"]

    assert (found.ok, found.is_blocking) == (False, False)
    assert "OPENAI_EMBEDDING_BASE_URL" in found.remedy


def test_disabled_embeddings_are_shown_as_off(provider: Provider, examine: Examine) -> None:
    provider.lists(MODEL)

    assert examine(OPENAI_EMBEDDING_MODEL="")["embeddings"].detail == "off: OPENAI_EMBEDDING_MODEL is empty"


@pytest.mark.parametrize(
    ("status", "body", "is_blocking", "expected", "setting"),
    [
        (
            401,
            b'{"error": {"message": "bad key sk-do-not-print-me"}}',
            True,
            "refuses the key (HTTP 401",
            "OPENAI_API_KEY",
        ),
        (403, b'{"error": "not from your country"}', True, "not from your country", "OPENAI_API_KEY"),
        (302, b"", True, "leads elsewhere (HTTP 302)", "http://127.0.0.1/api/v1"),
        (404, b'{"detail": "Not Found"}', False, "has no list of models (HTTP 404: Not Found)", "OPENAI_BASE_URL"),
        (405, b"", False, "has no list of models (HTTP 405)", "OPENAI_BASE_URL"),
        (429, b'{"error": {"code": "busy"}}', False, "HTTP 429: busy", "PROVIDER_WAIT_SECONDS"),
        (503, b'{"error": {"message": "Loading model"}}', False, "Loading model", "PROVIDER_WAIT_SECONDS"),
        (500, b"<html>oh</html>", False, "cannot tell its models now (HTTP 500)", "PROVIDER_WAIT_SECONDS"),
        (200, b"<html>welcome</html>", True, "not with JSON", "OPENAI_BASE_URL"),
        (200, b"", True, "not with JSON", "OPENAI_BASE_URL"),
        (200, b'{"status": "ok"}', True, "something else than a list", "OPENAI_BASE_URL"),
        (200, b'"models"', True, "something else than a list", "OPENAI_BASE_URL"),
        (200, b'{"data": null}', True, "something else than a list", "OPENAI_BASE_URL"),
    ],
)
def test_every_other_answer_is_a_finding_that_names_the_setting_to_change(
    provider: Provider, examine: Examine, status: int, body: bytes, is_blocking: bool, expected: str, setting: str
) -> None:
    provider.status, provider.body = status, body
    provider.headers = {"Location": "http://user:secret@127.0.0.1/api/v1/models"} if status == 302 else {}

    found = examine()

    assert list(found) == ["provider", "lost answers"]
    assert (found["provider"].ok, found["provider"].is_blocking) == (False, is_blocking)
    assert expected in found["provider"].detail
    assert setting in found["provider"].remedy
    assert found["provider"].detail.endswith("; no call was paid")
    assert "secret" not in str(found)


def test_a_server_that_does_not_answer_is_given_up(
    provider: Provider, examine: Examine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(model_list, "_SECONDS", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        found = examine(OPENAI_BASE_URL=f"http://127.0.0.1:{silent.getsockname()[1]}/v1")

    assert found["provider"].is_blocking
    assert "cannot be reached (timed out)" in found["provider"].detail


def test_an_endless_answer_is_given_up(provider: Provider, examine: Examine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(model_list, "_LARGEST_BODY", 10)
    provider.lists(MODEL)

    found = examine()["provider"]

    assert found.is_blocking
    assert "does not come to an end" in found.detail


@pytest.mark.parametrize(
    ("environment", "expected", "setting"),
    [
        ({"OPENAI_BASE_URL": "api.example.com/v1"}, "is no address", "http://"),
        ({"OPENAI_BASE_URL": "http://127.0.0.1:9/v1"}, "cannot be reached", "OPENAI_BASE_URL"),
        ({"OPENAI_API_KEY": "sk-ключ"}, "no request can carry", "OPENAI_API_KEY"),
        ({"OPENAI_API_KEY": "sk-one\nsk-two"}, "no request can carry", "OPENAI_API_KEY"),
    ],
)
def test_an_impossible_setting_is_named(
    examine: Examine, environment: dict[str, str], expected: str, setting: str
) -> None:
    found = examine(**environment)["provider"]

    assert found.is_blocking
    assert expected in found.detail
    assert setting in found.remedy


def test_control_characters_in_a_model_name_are_not_printed(provider: Provider, examine: Examine) -> None:
    provider.lists("\x1b[2Jgpt-5-mini")

    assert "\x1b" not in "".join(one.detail + one.remedy for one in examine().values())


@pytest.mark.parametrize(
    ("api", "resend", "expected"),
    [
        ("responses", "bounded", "class L: the provider is asked by the call's conversation"),
        (
            "responses",
            "bounded",
            "without conversations is class N: nobody can be asked, so it is sent once more and counted",
        ),
        ("responses-keyed", "bounded", "class K: it is sent again with the same key"),
        (
            "chat-stored",
            "bounded",
            "DURABLE_RESEARCH_SETTLE_SECONDS (75), which must be longer than your slowest answer",
        ),
        ("chat", "bounded", "class N: nobody can be asked, so it is sent once more and counted"),
        ("chat", "never", "class N: nobody can be asked, and it is never sent again: the report fails"),
        ("chat", "ask", "class N: nobody can be asked, so the report waits for a person"),
    ],
)
def test_the_lost_answers_check_explains_the_provider_class_and_resend_policy(
    provider: Provider, examine: Examine, api: str, resend: str, expected: str
) -> None:
    provider.lists(MODEL)

    found = examine(OPENAI_API=api, DURABLE_RESEARCH_MODEL_RESEND=resend)["lost answers"]

    assert expected in found.detail


@pytest.mark.parametrize("api", ["responses", "responses-keyed", "chat-stored", "chat"])
def test_every_api_has_an_explanation_of_lost_answers(provider: Provider, examine: Examine, api: str) -> None:
    provider.lists(MODEL)

    assert examine(OPENAI_API=api)["lost answers"].detail.startswith("class ")
