"""`durable-research doctor`."""

import click

from durable_research.cli.shared.command import Exit
from durable_research.cli.shared.terminal import as_json, console


@click.command()
@click.option("--json", "in_json", is_flag=True, help="Print the findings as JSON.")
def command(in_json: bool) -> None:
    """Check this installation and say how to mend it.

    Looks at this process's environment, completed by data/up.json while `up` runs. Changes nothing, downloads nothing,
    and never makes a paid call: the model provider is asked for its list of models alone. Exit 1 when something must be
    mended (✖; what is only worth knowing has a !).
    """
    from durable_research.cli.operator.doctor.checks import run_checks

    findings = run_checks()
    if in_json:
        body = {"ok": not any(one.is_blocking for one in findings), "checks": [one.as_json() for one in findings]}
        click.echo(as_json(body, indent=2))
    else:
        from rich.text import Text

        out = console()
        for one in findings:
            shape, style = ("✔", "green") if one.ok else ("✖", "red") if one.matters else ("!", "yellow")
            first, *more = one.detail.splitlines() or [""]
            out.print(Text.assemble((shape, style), f" {one.name:<15} {first}"), soft_wrap=True)
            for line in [*more, *([one.remedy] if one.remedy and not one.ok else [])]:
                out.print(Text(f"{'':<18}{line}"), soft_wrap=True)
    if any(one.is_blocking for one in findings):
        raise click.exceptions.Exit(int(Exit.FAILED))
