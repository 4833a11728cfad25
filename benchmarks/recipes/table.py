"""The table of what is done, with intervals by a paired bootstrap over photographs and seeds."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from benchmarks.recipes.measures import COLUMNS, GROUPS, PAIRS, SCENES
from benchmarks.recipes.rows import ROWS, START

Json = dict[str, Any]
Floats = NDArray[np.float64]
BESIDE = (START, "negclip")
DRAWS = 2000


def results(out: Path) -> dict[str, list[Json]]:
    """What is done, by row in the order of the rows, by seed."""
    found = [json.loads(path.read_text(encoding="utf-8")) for path in (out / "results").glob("*.json")]
    rows = {
        row: sorted((one for one in found if one["row"] == row), key=lambda one: one["seed"]) for row in (START, *ROWS)
    }
    return {row: runs for row, runs in rows.items() if runs}


def units(runs: Sequence[Json], column: str) -> tuple[Floats, Floats]:
    """Of each run and photograph, how many questions were answered rightly, and of how many: (runs, units) each."""
    right, of = (np.array([run["units"][column][name] for run in runs]) for name in ("right", "of"))
    return right, of


def figure(runs: Sequence[Json], column: str) -> float:
    """Per cent, the mean over seeds."""
    right, of = units(runs, column)
    return float(100 * (right.sum(1) / of.sum(1)).mean())


def spread(runs: Sequence[Json], column: str) -> float:
    """The standard deviation over seeds, in points; NaN for one."""
    right, of = units(runs, column)
    return float(100 * (right.sum(1) / of.sum(1)).std(ddof=1)) if len(runs) > 1 else float("nan")


def difference(
    runs: Sequence[Json], others: Sequence[Json], columns: Sequence[str], draws: int = DRAWS
) -> tuple[float, float, float]:
    """How many points a row is above another, and the 95 % interval when photographs and seeds are drawn again.

    Of several columns, all of the same photographs, it is the mean.

    Paired: a drawn photograph counts in both rows, and so does a drawn seed where both have it; a row of one run (no
    tuning) is the same for every seed.
    """
    if others[0]["row"] != START:
        seeds = {run["seed"] for run in runs} & {run["seed"] for run in others}
        runs, others = ([run for run in each if run["seed"] in seeds] for each in (runs, others))
    chance = np.random.default_rng(0)
    shares: list[Floats] = []
    for column in columns:
        (right, of), (other, _) = units(runs, column), units(others, column)
        apart = right - other  # (seeds, photographs): one run stands beside every seed
        if not shares:
            many = apart.shape[1]
            drawn = chance.multinomial(many, np.full(many, 1 / many), size=draws)
            photographs = np.concatenate([np.ones((1, many)), drawn])  # all of them first
        shares.append((photographs @ apart.T) / (photographs @ of.T))
    share = 100 * np.mean(shares, axis=0)
    picked = chance.integers(share.shape[1], size=(draws, share.shape[1]))
    low, high = np.percentile(np.take_along_axis(share[1:], picked, 1).mean(1), (2.5, 97.5))
    return float(share[0].mean()), float(low), float(high)


def show(out: Path, alone: Mapping[str, float] = MappingProxyType({})) -> None:
    """Print the figures, and the differences from no tuning and from `negclip`.

    Args:
        alone: what `measures.text_alone` found, for a row of its own.
    """
    found, console = results(out), Console(width=220)
    table = Table(
        "", "seeds", "lr", "alpha", *COLUMNS, "cosine with start", "s a step", title="per cent, mean over seeds"
    )
    for row, runs in found.items():
        cells = [_cell(figure(runs, column), spread(runs, column)) for column in COLUMNS]
        drift = f"{np.mean([run['drift'] for run in runs]):.3f}"
        alpha = " ".join(f"{run['alpha']:g}" for run in runs if "alpha" in run)
        step = f"{np.mean([run['seconds'] for run in runs]):.2f}" if "seconds" in runs[0] else ""
        table.add_row(row, str(len(runs)), f"{runs[0]['lr']:g}" if "lr" in runs[0] else "", alpha, *cells, drift, step)
    if alone:
        table.add_row("text alone", "", "", "", *(f"{alone[column]:.1f}" for column in PAIRS))
    console.print(table)
    groups = {**{column: (column,) for column in ("hand swap", "hand event", SCENES)}, **GROUPS}
    for other in (name for name in BESIDE if name in found):
        beside = Table("", *groups, title=f"points above {other}, 95 % interval over photographs and seeds")
        for row, runs in found.items():
            if row not in (START, other):
                beside.add_row(row, *(_apart(difference(runs, found[other], group)) for group in groups.values()))
        console.print(beside)


def _cell(value: float, over: float) -> str:
    return f"{value:.1f}" if np.isnan(over) else f"{value:.1f} ± {over:.1f}"


def _apart(found: tuple[float, float, float]) -> str:
    return "{:+.1f} [{:+.1f}, {:+.1f}]".format(*found)
