"""`durable-research api`."""

import click

from durable_research.settings.defaults import DEFAULT_API_PORT


@click.command()
@click.option("--host", help="Loopback address to listen on.")
@click.option("--port", type=int, help=f"Port to listen on (DURABLE_RESEARCH_PORT, {DEFAULT_API_PORT}).")
def command(host: str | None, port: int | None) -> None:
    """Run the web app and REST API. SIGTERM ends the streams and drains."""
    from durable_research.cli.shared.command import load_settings, run_role, stop
    from durable_research.web.http.server import CannotListen
    from durable_research.web.serve import serve

    try:
        settings = load_settings(host=host, port=port)
        run_role("api", settings, serve(settings))
    except CannotListen as error:
        stop(str(error), "choose another port with --port")
