"""The command line: each command's name and one line of help; a command's module is imported when it is run."""

import importlib
import os
import sys
from typing import Any

import click

# command -> (module, one line). The line is here so that `--help` imports no command.
COMMANDS = {
    "up": ("durable_research.cli.operator.up", "Run everything on this machine, in the foreground."),
    "demo": ("durable_research.cli.experiments.demo", "Survive a real worker kill, and prove it from outside."),
    "submit": (
        "durable_research.cli.user.submit",
        "Ask for a report, post or text; with --wait, watch it until it is there.",
    ),
    "watch": ("durable_research.cli.user.watch", "Follow a report live."),
    "list": ("durable_research.cli.user.list", "List reports and other workflows."),
    "show": ("durable_research.cli.user.show", "Show one workflow: steps, attempts, charges."),
    "open": ("durable_research.cli.user.open", "Open a report in the browser, or write it to a file."),
    "cancel": ("durable_research.cli.user.cancel", "Cancel a running report."),
    "approve": ("durable_research.cli.user.approve", "Approve, edit or refuse the draft that waits for you."),
    "retry": ("durable_research.cli.user.retry", "Try now what waits for its next try."),
    "resume": ("durable_research.cli.user.resume", "Go on with a report that failed, from the step that failed."),
    "decide": ("durable_research.cli.user.decide", "Decide for what waits for you."),
    "schedule": (
        "durable_research.cli.user.schedule",
        "Ask a question again and again: add, list, pause, resume, delete.",
    ),
    "doctor": ("durable_research.cli.operator.doctor.command", "Check this installation and say how to mend it."),
    "init": ("durable_research.cli.operator.init", "Prepare the Temporal namespace."),
    "payload-key": ("durable_research.cli.operator.payload_key", "Make a key that seals what Temporal stores."),
    "migrate": ("durable_research.cli.operator.migrate", "Bring the database's schema to the newest version."),
    "webhook-secret": (
        "durable_research.cli.operator.webhook_secret",
        "Print the secret that signs webhooks to a user's address.",
    ),
    "worker": ("durable_research.cli.operator.worker", "Run one worker process."),
    "api": ("durable_research.cli.operator.api", "Run the web app and REST API."),
    "chaos": (
        "durable_research.cli.experiments.chaos",
        "Kill and pause everything at random under load, then count from outside.",
    ),
    "crash-table": (
        "durable_research.cli.experiments.crash_table",
        "Kill a process at every crash point, and count what was billed.",
    ),
    "outages": (
        "durable_research.cli.experiments.outages",
        "Have the provider be slow, fail and be cut off, and count what was billed.",
    ),
    "alarms": (
        "durable_research.cli.experiments.alarms",
        "Cause each alert by a real fault, and measure how long it takes to fire.",
    ),
    "simulator": ("durable_research.cli.operator.simulator", "Run the pretend model provider as a program of its own."),
}


class _Commands(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = importlib.import_module(COMMANDS[cmd_name][0]).command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, line) in COMMANDS.items()])


@click.command(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="durable-research")
def cli() -> None:
    """Ask a question, get a typeset research report; kill any process, and it still arrives.

    User commands talk to a running installation (--server). Operator commands run in this process.
    """


def main(arguments: list[str] | None = None) -> Any:
    """Run a command and exit at once: the Temporal SDK may abort an interpreter that shuts down slowly."""
    code: Any = 0
    try:
        cli.main(arguments, standalone_mode=True)
    except SystemExit as end:
        code = end.code
        if isinstance(code, str):
            click.echo(code, err=True)
            code = 1
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(int(code or 0))
