"""Reading and typesetting at the limits: seconds of the parser against size, and memory of the typesetting child."""

import asyncio
import time
from pathlib import Path

import click

from durable_research.adapters.documents.typst import TypstRenderer
from durable_research.domain.documents.markdown import parse_markdown
from durable_research.domain.documents.tree import Document

# Each costs a parser without limits more than its size, or a typesetter more than its text.
UNITS = {
    "prose": "The tide rises and falls twice each day, and the range depends on the coast. ",
    "emphasis": "*a ",
    "closed emphasis": "*a* ",
    "brackets": "[",
    "images": "![[[[",
    "links": "[word](https://a.example/b) ",
    "addresses": "https://a.example/b ",
    "backticks": "`a``",
    "angles": "<a ",
    "quotes": "> ",
    "items": "- a\n",
    "headings": "# a\n",
    "rows": "|a|b|\n",
    "definitions": "[a]: https://a.example\n\n",
    "footnotes": "[^a]: b\n\n",
    "one word": "x",
    "Chinese": "潮汐的力量在北方海岸非常强大。",
    "no glyph": "বাংলা ",
}
SIZES = (100_000, 200_000, 400_000)


def measure_typesetting() -> None:
    """Print a line for each kind of text."""
    asyncio.run(_measure())


async def _measure() -> None:
    renderer = TypstRenderer(try_seconds=120)
    sizes = "".join(f"{size:10,}" for size in SIZES)
    click.echo(f"{'characters':18}{sizes}  read, s | {SIZES[-1]:,} typeset: pages, s, peak MB")
    for kind, unit in UNITS.items():
        seconds, document = [], Document(title="")
        for size in SIZES:
            began = time.perf_counter()
            document = parse_markdown(unit * (size // len(unit)), "Title")
            seconds.append(time.perf_counter() - began)
        began = time.perf_counter()
        rendering, peak = asyncio.create_task(renderer.render(document)), 0
        while not rendering.done():
            peak = max([peak, *map(_peak_megabytes, renderer.process_ids)])
            await asyncio.sleep(0.01)
        took = time.perf_counter() - began
        read = "".join(f"{one:10.2f}" for one in seconds)
        click.echo(f"{kind:18}{read}{'':11}{(await rendering).pages:7}{took:7.1f}{peak:7}")
    await renderer.close()


def _peak_megabytes(process_id: int) -> int:
    try:
        status = Path(f"/proc/{process_id}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return next((int(line.split()[1]) // 1024 for line in status.splitlines() if line.startswith("VmHWM")), 0)
