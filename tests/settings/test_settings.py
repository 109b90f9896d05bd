"""Settings are read once and refused as a whole: half a channel, and switches of tests in production."""

import subprocess
import sys

import pytest

from durable_research.bootstrap import adapters
from durable_research.settings.settings import SettingsInvalid, load

MAIL = {"SMTP_URL": "smtp://mail.example.org:587", "DURABLE_RESEARCH_EMAIL_FROM": "a@example.org"}


def refused(monkeypatch: pytest.MonkeyPatch, **environment: str) -> str:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(SettingsInvalid) as refusal:
        load()
    return str(refusal.value)


@pytest.mark.parametrize(
    ("environment", "named"),
    [
        (MAIL, "DURABLE_RESEARCH_EMAIL_TO"),
        ({**MAIL, "DURABLE_RESEARCH_EMAIL_TO": "nobody"}, "DURABLE_RESEARCH_EMAIL_TO"),
        ({**MAIL, "DURABLE_RESEARCH_EMAIL_TO": "b@example.org\nBcc: c@example.org"}, "DURABLE_RESEARCH_EMAIL_TO"),
        ({**MAIL, "DURABLE_RESEARCH_EMAIL_TO": "b@example.org, c@ex..org"}, "the address at place 2"),
        (
            {**MAIL, "DURABLE_RESEARCH_EMAIL_FROM": "a@x.org, b@x.org", "DURABLE_RESEARCH_EMAIL_TO": "c@x.org"},
            "EMAIL_FROM",
        ),
        ({"SMTP_URL": "http://mail.example.org"}, "SMTP_URL"),
        ({"SMTP_URL": "smtp://user:secret/word@mail.example.org"}, "percent-encoded"),
        ({"SLACK_BOT_TOKEN": "xoxb-a"}, "SLACK_CHANNEL"),
        ({"DURABLE_RESEARCH_WEBHOOK_SECRET": "whsec_not base64"}, "DURABLE_RESEARCH_WEBHOOK_SECRET"),
        ({"DURABLE_RESEARCH_WEBHOOK_SECRET": "whsec_dG9vIHNob3J0"}, "DURABLE_RESEARCH_WEBHOOK_SECRET"),
    ],
)
def test_an_incomplete_notification_channel_is_refused_by_name(
    monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], named: str
) -> None:
    assert named in refused(monkeypatch, **environment)


def test_the_refusal_of_a_url_does_not_show_its_password(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "secret" not in refused(monkeypatch, SMTP_URL="smtp://user:secret/word@mail.example.org")


def test_production_refuses_the_setting_for_loopback_webhooks(monkeypatch: pytest.MonkeyPatch) -> None:
    words = refused(monkeypatch, DURABLE_RESEARCH_PRODUCTION="true", DURABLE_RESEARCH_ALLOW_UNSAFE_WEBHOOKS="true")

    assert "DURABLE_RESEARCH_ALLOW_UNSAFE_WEBHOOKS" in words


def test_recipients_are_separated_by_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {**MAIL, "DURABLE_RESEARCH_EMAIL_TO": 'b@example.org, "C, D" <jörg@bücher.org>'}.items():
        monkeypatch.setenv(name, value)

    assert load().email_recipients == ("b@example.org", "jörg@xn--bcher-kva.org")


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({}, ("https://model.example/v1", "sk-model")),
        ({"OPENAI_EMBEDDING_BASE_URL": "http://127.0.0.1:9/v1"}, ("http://127.0.0.1:9/v1", "missing")),
        (
            {"OPENAI_EMBEDDING_BASE_URL": "http://127.0.0.1:9/v1", "OPENAI_EMBEDDING_API_KEY": "sk-other"},
            ("http://127.0.0.1:9/v1", "sk-other"),
        ),
        ({"OPENAI_EMBEDDING_BASE_URL": "", "OPENAI_EMBEDDING_API_KEY": ""}, ("https://model.example/v1", "sk-model")),
    ],
)
def test_embeddings_use_the_models_address_unless_they_have_their_own(
    monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], expected: tuple[str, str]
) -> None:
    variables = {"OPENAI_BASE_URL": "https://model.example/v1", "OPENAI_API_KEY": "sk-model", **environment}
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    opened: list[tuple[str, str]] = []
    monkeypatch.setattr(
        adapters, "OpenAIEmbeddings", lambda *, base_url, api_key, **_: opened.append((base_url, api_key))
    )

    adapters.embedding_model(load())

    assert opened == [expected]


def test_an_empty_embedding_model_turns_embeddings_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_EMBEDDING_MODEL", "")

    assert adapters.embedding_model(load()) is None


def test_failpoints_are_not_read_from_a_file(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "DURABLE_RESEARCH_FAILPOINTS_FILE" in refused(monkeypatch, DURABLE_RESEARCH_FAILPOINTS_FILE="rules")


@pytest.mark.parametrize(
    "rule", ["llm_cal.sent=kill@1", "create_pdf.sent=kill@1", "delete_post.sent=kill@1", "nonsense"]
)
def test_an_unknown_failpoint_is_refused(monkeypatch: pytest.MonkeyPatch, rule: str) -> None:
    assert "failpoint" in refused(monkeypatch, DURABLE_RESEARCH_FAILPOINTS=rule)


@pytest.mark.parametrize(("rules", "loaded"), [("", "False"), ("llm_call.sent=kill@1", "True")])
def test_settings_import_the_pipelines_only_for_failpoints(rules: str, loaded: str) -> None:
    read = (
        "import sys; from durable_research.settings.settings import load; load();"
        "print('durable_research.catalogue' in sys.modules)"
    )
    environment = {"PATH": "/usr/bin:/bin", "DURABLE_RESEARCH_FAILPOINTS": rules}

    done = subprocess.run([sys.executable, "-c", read], env=environment, capture_output=True, text=True, check=False)

    assert done.stdout.strip() == loaded, done.stderr


def test_every_effect_and_every_undo_has_its_failpoints(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DURABLE_RESEARCH_FAILPOINTS", "create_embedding.sent=kill@1, delete_post.undo_done=kill@1")

    assert load().failpoint_rules


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DURABLE_RESEARCH_METRICS_ADDRESS", "0.0.0.0:9464"),
        ("DURABLE_RESEARCH_METRICS_ADDRESS", "metrics.example:9464"),
        ("DURABLE_RESEARCH_METRICS_ADDRESS", "9464"),
        ("DURABLE_RESEARCH_METRICS_TOKEN", "two secret-words"),
        ("DURABLE_RESEARCH_METRICS_TOKEN", "secret-wörd"),
    ],
)
def test_the_port_for_metrics_is_local_and_its_token_can_be_sent(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    words = refused(monkeypatch, **{name: value})

    assert name in words
    assert "secret" not in words


@pytest.mark.parametrize(
    "value",
    [
        "127.0.0.1:9090",
        "ftp://prometheus",
        "http://",
        "http://prometheus:0",
        "http://prometheus:x",
        "http://a/?secret=1",
    ],
)
def test_the_address_of_prometheus_is_one_of_http_without_a_query(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    words = refused(monkeypatch, DURABLE_RESEARCH_PROMETHEUS_URL=value)

    assert "DURABLE_RESEARCH_PROMETHEUS_URL" in words
    assert "secret" not in words


def test_the_token_for_metrics_is_not_printed() -> None:
    assert "s3cret" not in repr(load(metrics_token="s3cret"))
