"""Starts the simulator of the outside world as a separate program."""

import asyncio
import ipaddress
import logging
import signal
import socket
from pathlib import Path
from types import FrameType

import click
import uvicorn
from standardwebhooks.webhooks import EmptyWebhookSecretError, Webhook

from durable_research.simulator.app import create_app
from durable_research.simulator.billing_log import BillingLog
from durable_research.simulator.faults.fault_book import FaultBook
from durable_research.simulator.generation.state import State
from durable_research.simulator.journal import Journal
from durable_research.simulator.smtp import serve_mail
from durable_research.simulator.world import Settings, World


def _loopback(_context: click.Context, _parameter: click.Parameter, host: str) -> str:
    # Every client of the simulator can set faults and read prompts: it never listens beyond this machine.
    try:
        safe = host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        safe = False
    if not safe:
        raise click.BadParameter(f"{host} is not a loopback address; the simulator serves this machine only")
    return host


def _webhook_secret(_context: click.Context, _parameter: click.Parameter, secret: str | None) -> str | None:
    try:
        if secret is not None:
            Webhook(secret)
    except (ValueError, EmptyWebhookSecretError) as cause:
        raise click.BadParameter("must be whsec_ followed by base64") from cause
    return secret


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, callback=_loopback)
@click.option("--port", type=click.IntRange(0, 65535), required=True, help="0 takes a free one.")
@click.option(
    "--witness", "billing_log", type=click.Path(dir_okay=False, path_type=Path), required=True, help="The billing log."
)
@click.option("--latency-seconds", type=click.FloatRange(0, 3600), default=2.0, show_default=True)
@click.option("--visibility-lag-seconds", type=click.FloatRange(0, 3600), default=0.0, show_default=True)
@click.option("--acceptance-seconds", type=click.FloatRange(0, 3600), default=0.0, show_default=True)
@click.option("--smtp-port", type=click.IntRange(0, 65535), help="Take mail there too; 0 takes a free port.")
@click.option("--webhook-secret", callback=_webhook_secret, help="Verify webhooks with this whsec_… secret.")
@click.option("--honour-idempotency-key", is_flag=True, help="Answer a repeated Idempotency-Key once (class K).")
def main(
    host: str,
    port: int,
    billing_log: Path,
    latency_seconds: float,
    visibility_lag_seconds: float,
    acceptance_seconds: float,
    smtp_port: int | None,
    webhook_secret: str | None,
    honour_idempotency_key: bool,
) -> None:
    """A pretend OpenAI, Slack, mail server and webhook receiver on this machine, with faults on demand."""
    world = World(
        billing_log=BillingLog(billing_log),
        state=State(billing_log.with_name(billing_log.name + ".responses.jsonl")),
        settings=Settings(latency_seconds, visibility_lag_seconds, acceptance_seconds),
        faults=FaultBook(Journal(billing_log.with_name(billing_log.name + ".faults.jsonl"))),
        webhook_secret=webhook_secret,
        honour_idempotency_key=honour_idempotency_key,
    )
    asyncio.run(_serve(world, _bound(host, port), None if smtp_port is None else _bound(host, smtp_port)))


def _bound(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    bound = socket.socket(family, socket.SOCK_STREAM)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    # Accepted connections inherit it. Without it, an answer whose head and body are sent apart takes 40 ms more (measured).
    bound.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    try:
        bound.bind((host, port))
    except OSError as cause:
        raise click.ClickException(f"cannot listen on {host}:{port}: {cause.strerror}") from cause
    return bound


class _Server(uvicorn.Server):
    mail: socket.socket | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        for bound in sockets or []:
            click.echo(f"simulator ready on http://{_address(bound)}")
        if self.mail:
            click.echo(f"simulator takes mail on smtp://{_address(self.mail)}")


def _address(bound: socket.socket) -> str:
    host, port = bound.getsockname()[:2]
    return f"{f'[{host}]' if ':' in host else host}:{port}"


async def _serve(world: World, bound: socket.socket, mail: socket.socket | None) -> None:
    config = uvicorn.Config(
        create_app(world),
        lifespan="off",
        ws="none",
        log_config=None,
        access_log=False,
        timeout_graceful_shutdown=1,
    )
    # uvicorn logs each connection that a fault cuts as an error, with a page of traceback.
    logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)
    server = _Server(config)
    if mail:
        await serve_mail(world, mail)
        server.mail = mail

    def stop(_number: int, _frame: FrameType | None) -> None:
        server.should_exit = True

    # uvicorn raises the signal once more when it has shut down; with our own handler we exit with status 0.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, stop)
    await server.serve(sockets=[bound])


if __name__ == "__main__":
    main()
