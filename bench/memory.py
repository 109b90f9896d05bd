"""The memory of each process of the one-machine edition at rest."""

from pathlib import Path

import psutil

from durable_research.experiments.evidence.own_installation import OwnInstallation


def measure_memory(folder: Path) -> None:
    """Print resident and proportional memory of each process after one report, children included."""
    print("\nMemory at rest after one report, MB (PSS counts shared pages by share)")
    with OwnInstallation(folder) as installation:
        installation.latency(0)
        installation.finished(installation.submit("One report before the rest"))
        total = 0.0
        for process in installation.running.processes:
            family = [psutil.Process(process.pid), *psutil.Process(process.pid).children(recursive=True)]
            held = [one.memory_full_info() for one in family]
            pss = sum(one.pss for one in held) / 2**20
            total += pss
            rss = sum(one.rss for one in held) / 2**20
            print(f"  {process.name:12} RSS {rss:6.0f}  PSS {pss:6.0f}  ({len(family)} processes)")
        print(f"  {'together':12}             {total:6.0f}", flush=True)
