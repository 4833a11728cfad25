"""`report.html`: what a tuning run gained and what it cost, on one page that loads nothing.

Captions are untrusted. Every value is escaped by the template engine, the page holds no script, and its content policy
lets the browser run none and load nothing but the pictures inside it.
"""

import base64
import math
from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

from PIL import Image

from clip_event.sealed import engine, sealed
from clip_event.tuning import charts
from clip_event.tuning.history import Case, Run, leaves, read_run, said
from templates.whole import whole

THUMBNAIL = 160
CASES = 60
FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF")  # of Pillow's others some start a program
NAMES = {"lr": "learning rate", "logit_scale": "logit scale", "gradient": "gradient norm"}


@dataclass(frozen=True)
class Figure:
    """A figure before and after tuning, from 0 to 1."""

    name: str
    before: float | None
    after: float | None


@dataclass(frozen=True)
class Shown:
    """A hard case with its picture as a data URI, None where it cannot be read."""

    case: Case
    picture: str | None

    @property
    def verdict(self) -> str:
        """Whether the true sentence was nearer before, and is after."""
        return {
            (False, True): "put right",
            (True, False): "put wrong",
            (True, True): "right",
            (False, False): "still wrong",
        }[self.case.before > 0, self.case.after > 0]


def report(folder: Path) -> Path:
    """Write `report.html` of the folder of a tuning run, finished or not; it appears whole or not at all.

    Raises:
        HistoryError: the folder holds no `metrics.jsonl`, or no line of it can be read.
    """
    folder = Path(folder)
    page = render_report(read_run(folder), folder)
    with whole(folder / "report.html") as out:
        out.write(page)
    return folder / "report.html"


def render_report(run: Run, folder: Path) -> str:
    """The page as HTML; pictures are looked for in the folder and beside the data."""
    environment = engine(autoescape=True, lstrip_blocks=True)
    environment.filters |= {"percent": percent, "signed": signed, "said": said}
    before, after = run.before, run.after
    return environment.get_template("tuning/report.html").render(
        title=title(folder),
        **sealed(environment, "tuning/report.css", pictures=True),
        run=run,
        figures=list(figures(run)),
        curves=list(curves(run)),
        rows=charts.rows(before.kinds if before else {}, after.kinds if after else {}),
        trade=charts.trade(before, run.alphas, after),
        evaluations=list(run.evaluations.values()),
        cases=[Shown(case, picture(case.image, roots(run, folder))) for case in run.cases[:CASES]],
        plan=leaves(run.plan),
        settings=leaves(run.settings),
        c=charts,
    )


def title(folder: Path) -> str:
    """The folder's name."""
    return folder.resolve().name.encode("utf-8", "replace").decode("utf-8")  # names need not be UTF-8


def percent(value: float | None) -> str:
    """A share as 93.4, without its sign; – where there is none."""
    return "–" if value is None or not math.isfinite(value) else f"{100 * value:.1f}"


def signed(value: float, digits: int = 1) -> str:
    """A number with its sign, the minus as long as the plus."""
    return f"{value:+z.{digits}f}".replace("-", "−")


def figures(run: Run) -> Iterator[Figure]:
    """Accuracies by kind, recalls and cosines of the model that was kept, each beside the starting model's."""
    before, after = run.before, run.after
    kinds = [evaluation.kinds if evaluation else {} for evaluation in (before, after)]
    for kind in dict.fromkeys([*kinds[0], *kinds[1]]):
        found = [one[kind].accuracy if kind in one else None for one in kinds]
        yield Figure(f"{kind} accuracy", *found)
    for way in ("image_to_text", "text_to_image"):
        recalls: list[dict[str, float]] = [
            getattr(one.retrieval, way) if one and one.retrieval else {} for one in (before, after)
        ]
        for rank in dict.fromkeys([*recalls[0], *recalls[1]]):
            name = f"{way.replace('_', ' ')} R@{rank.removeprefix('r')}"
            yield Figure(name, recalls[0].get(rank), recalls[1].get(rank))
    for tower, cosine in (after.retention if after else {}).items():
        yield Figure(f"cosine to the starting {tower} embeddings", 1.0, cosine)


def curves(run: Run) -> Iterator[charts.Curve]:
    """The loss, its parts, the learning rate and what else every step logs."""
    steps = [run.steps[number] for number in sorted(run.steps)]
    parts = dict.fromkeys(part for step in steps for part in step.losses)
    series: dict[str, list[tuple[int, float | None]]] = {"loss": [(step.step, step.loss) for step in steps]}
    series |= {f"{part} loss": [(step.step, step.losses.get(part)) for step in steps] for part in parts}
    series |= {NAMES[name]: [(step.step, getattr(step, name)) for step in steps] for name in NAMES}
    for name, points in series.items():
        if found := charts.curve(name, points):
            yield found


def roots(run: Run, folder: Path) -> list[Path]:
    """Where pictures may lie: in the folder, and beside the data files of the plan or in their folders."""
    data: Any = run.plan.get("data")
    paths = [Path(path) for path in data.values() if isinstance(path, str)] if isinstance(data, dict) else []
    return [folder, *(path if path.is_dir() else path.parent for path in paths)]


def picture(path: str, roots: list[Path]) -> str | None:
    """A picture of at most 160 px as a data URI; None where there is none that can be read."""
    try:
        file = next(root / path for root in roots if (root / path).is_file())
        with Image.open(file, formats=FORMATS) as image:
            image.draft("RGB", (THUMBNAIL, THUMBNAIL))
            small = image.convert("RGB")
        small.thumbnail((THUMBNAIL, THUMBNAIL))
        written = BytesIO()
        small.save(written, "JPEG", quality=82)
    except Exception:  # Pillow raises some ten kinds of error for broken pictures
        return None
    return "data:image/jpeg;base64," + base64.b64encode(written.getvalue()).decode()
