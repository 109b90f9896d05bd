"""The crash table as Markdown and as JSON."""

import json
from collections.abc import Sequence
from typing import Any

from durable_research.experiments.crash_table.cells import CellResult
from durable_research.experiments.evidence.invariants import RULE_OF_THREE

_EVIDENCE_SHOWN = 20
_HEAD = (
    "| point | failpoint | effect | class | runs | void | lost | gave up | calls: mean | most | extra told | messages | held |",
    "|---|---|---|---|---|---|---|---|---|---|---|---|---|",
)


def promise_held(results: Sequence[CellResult]) -> bool:
    """Whether every bound held and no run is void."""
    return all(not result.broken and not result.void and result.runs for result in results)


def as_markdown(command: str, seconds: float, results: Sequence[CellResult]) -> str:
    """Write the page."""
    runs = sum(len(result.runs) for result in results)
    rate = runs / seconds if seconds else 0.0
    hits = runs - sum(len(result.void) for result in results)
    lost = sum(result.lost for result in results)
    parts = [
        f"# Crash table: {'every bound held' if promise_held(results) else 'NOT HELD'}",
        f"`{command}`",
        f"{runs} runs in {seconds:.0f} s ({rate:.2f} a second), {hits} of them met their point, {lost} reports lost.",
        "\n".join([*_HEAD, *(_line(result) for result in results)]),
    ]
    if not lost and runs:
        parts.append(f"The rate of lost reports is at most {RULE_OF_THREE / runs:.2%} (95 %, 3/n).")
    parts += [_evidence(result) for result in results if result.broken or result.void]
    return "\n\n".join(parts) + "\n"


def as_json(results: Sequence[CellResult]) -> str:
    """Every run, with its proof."""
    return json.dumps([_body(result) for result in results], indent=1) + "\n"


def _line(result: CellResult) -> str:
    cell = result.cell
    held = "no run" if not result.runs else "**NO**" if result.broken else "yes"
    effect = ", ".join(filter(None, (cell.effect, "resumed" if cell.point.is_resumed else "")))
    columns = [cell.point.number, f"`{cell.point.failpoint}`", effect, cell.provider_class, len(result.runs)]
    columns += [
        len(result.void),
        result.lost,
        result.gave_up,
        f"{result.mean_calls:.2f}",
        result.most_calls,
        result.possible_extra,
    ]
    columns += [f"{result.mean_messages:.2f}", held]
    return "| " + " | ".join(map(str, columns)) + " |"


def _evidence(result: CellResult) -> str:
    sentences = result.broken + [f"void: {reason}" for reason in result.void]
    shown = "\n".join(f"* {reason}" for reason in sentences[:_EVIDENCE_SHOWN])
    return f"## {result.cell.name}\n\n{shown}"


def _body(result: CellResult) -> dict[str, Any]:
    return {
        "point": result.cell.point.number,
        "failpoint": result.cell.point.failpoint,
        "effect": result.cell.effect,
        "class": result.cell.provider_class,
        "runs": [
            {
                "report_id": run.report.report_id if run.report else None,
                "proof": run.proof,
                "void": run.void_reason,
                "status": run.report.status if run.report else None,
                "model_calls": run.report.model_calls if run.report else 0,
                "told": vars(run.report.reported) if run.report and run.report.reported else None,
                "notifications": run.report.notifications if run.report else 0,
                "seconds": round(run.seconds, 3),
            }
            for run in result.runs
        ],
        "broken": result.broken,
    }
