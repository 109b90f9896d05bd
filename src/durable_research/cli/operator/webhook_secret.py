"""`durable-research webhook-secret`."""

import click

from durable_research.cli.shared.command import load_settings, stop
from durable_research.domain.requests.addresses import AddressRefused, check_address, secret_for


@click.command()
@click.argument("url")
def command(url: str) -> None:
    """Print the secret that signs webhooks to URL, an address that a user has given, for handing it to its owner.

    It is derived from DURABLE_RESEARCH_WEBHOOK_SECRET and the exact text of the address.
    """
    settings = load_settings()
    if settings.webhook_secret is None:
        stop(
            "nothing is signed: DURABLE_RESEARCH_WEBHOOK_SECRET is not set",
            "set it to whsec_ and 24 to 64 bytes in base64",
        )
    try:
        check_address(url, loopback_too=settings.allow_unsafe_webhooks)
    except AddressRefused as refused:
        stop(f"this address is not called: it {refused.detail}", "give the address as it stands in notify")
    click.echo(secret_for(settings.webhook_secret.get_secret_value(), url))
