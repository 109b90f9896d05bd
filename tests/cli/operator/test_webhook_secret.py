"""The secret of a user's address, as the operator prints it."""

import pytest
from click.testing import CliRunner

from durable_research.cli.main import cli
from durable_research.domain.requests.addresses import secret_for

SECRET = "whsec_" + "c2VjcmV0" * 6
URL = "https://example.org/hook"


def run(*arguments: str, **environment: str) -> tuple[int, str]:
    result = CliRunner().invoke(cli, ["webhook-secret", *arguments], env=environment)
    return result.exit_code, result.output


def test_webhook_secret_prints_the_secret_of_the_address() -> None:
    assert run(URL, DURABLE_RESEARCH_WEBHOOK_SECRET=SECRET) == (0, f"{secret_for(SECRET, URL)}\n")


def test_without_the_operators_secret_the_command_fails() -> None:
    code, words = run(URL)

    assert (code, "DURABLE_RESEARCH_WEBHOOK_SECRET is not set" in words) == (1, True)


@pytest.mark.parametrize("secret", ["whsec_", "whsec_not base64", "whsec_abc"])
def test_a_malformed_operator_secret_is_refused_at_start(secret: str) -> None:
    code, words = run(URL, DURABLE_RESEARCH_WEBHOOK_SECRET=secret)

    assert (code != 0, "must be whsec_" in words) == (True, True)


def test_a_forbidden_address_has_no_secret() -> None:
    code, words = run("https://127.0.0.1/", DURABLE_RESEARCH_WEBHOOK_SECRET=SECRET)

    assert (code, "this IP address is not out in the world" in words) == (1, True)
