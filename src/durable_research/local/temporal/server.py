"""The command line of Temporal's dev server and its reasons: with default options it idles 50 ms at each of ten hops.

Tests start the same server through `temporalio.testing`, with `tuning_arguments()` as its extra arguments. Measured on
a workflow of four activities: 450 ms with default options, 47 ms with these.
"""

import subprocess
from pathlib import Path

HELP_SECONDS = 20

DYNAMIC_CONFIG = {
    # One shard, whose queues may be polled 20 times a second by default: this alone reduces 450 ms to 97.
    "history.transferProcessorMaxPollRPS": "2000",
    "history.timerProcessorMaxPollRPS": "2000",
    "history.visibilityProcessorMaxPollRPS": "2000",
    # An activity on the workflow's own queue is dispatched directly to the worker that scheduled it.
    "system.enableActivityEagerExecution": "true",
    # No calls to the vendor: the edition must work, and log no errors, without a network.
    "frontend.enableServerVersionCheck": "false",
}

# WAL with synchronous=1 (NORMAL) survived six kill -9 rounds without losing one of 240 workflows; 97 ms become 57.
SQLITE_PRAGMAS = {"journal_mode": "WAL", "synchronous": "1"}


def tuning_arguments(*, database_file: bool = True) -> list[str]:
    """Return the arguments that make the dev server quick; the SQLite ones only make sense with a database file."""
    pragmas = SQLITE_PRAGMAS if database_file else {}
    arguments = []
    for name, value in pragmas.items():
        arguments += ["--sqlite-pragma", f"{name}={value}"]
    for name, value in DYNAMIC_CONFIG.items():
        arguments += ["--dynamic-config-value", f"{name}={value}"]
    return arguments


def server_command(
    program: Path,
    *,
    port: int,
    ui_port: int,
    database: Path,
    options: str = "",
    codec: str | None = None,
    metrics_port: int | None = None,
) -> tuple[str, ...]:
    """Return the command that serves on loopback from a database file; `options` names the ones that the program knows.

    `codec` is the address where the Web UI decrypts payloads; at `metrics_port` the server answers Prometheus.
    """
    command = [str(program), "server", "start-dev", "--ip", "127.0.0.1", "--port", str(port)]
    command += ["--ui-port", str(ui_port), "--db-filename", str(database)]
    # At warn level it logs stack traces of 5 kB a line about errors that it handles itself.
    command += ["--log-level", "error", *tuning_arguments()]
    if codec and "--ui-codec-endpoint" in options:
        command += ["--ui-codec-endpoint", codec]
    if metrics_port and "--metrics-port" in options:
        command += ["--metrics-port", str(metrics_port)]
    if "--ui-disable-news-fetch" in options:
        command.append("--ui-disable-news-fetch")
    return tuple(command)


def start_dev_help(program: Path) -> str:
    """Return the help text of `server start-dev`: a program found on PATH may be older than ours."""
    result = subprocess.run(  # noqa: S603 - the program that find_temporal tried
        [str(program), "server", "start-dev", "--help"],
        capture_output=True,
        text=True,
        timeout=HELP_SECONDS,
        check=False,
    )
    return result.stdout
