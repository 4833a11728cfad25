"""`clip-event demo`: the shipped captions read, and the embedded model taught who does what to whom on drawn scenes."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from clip_event.page import write_page
from extraction.extractor import EventExtractor
from extraction.records import Bad, read_rows

EXAMPLES = Path(__file__).parent / "examples.jsonl"


def demo(out: str | Path, *, source: str | Path | None = None, ontology: str = "news") -> list[dict[str, Any]]:
    """Read captions, write the page, return the records.

    Args:
        out: the HTML file to write.
        source: captions instead of the shipped ones; see `extraction.records.read_rows`. Bad records are left out.
    """
    rows = [row for _, row in read_rows(source or EXAMPLES)]
    records = list(EventExtractor(ontology).stream(row for row in rows if not isinstance(row, Bad)))
    write_page(out, records, title=f"{len(records)} captions and their events")
    return records


def demo_tuning(
    folder: Path, *, train: int = 4000, dev: int = 500, steps: int = 250, say: Callable[[str], None]
) -> Path:
    """Draw scenes, read their captions into events, and tune `mini` on them; the tuned model's folder.

    Args:
        folder: new; gets `train`, `dev` and `tuned`.
        train, dev: scenes. No triple of type, agent and patient is in both.
        steps: of 64 photographs.
        say: takes lines for people.
    """
    from clip_event.config import parse_config
    from clip_event.finetune import finetune
    from clip_event.scenes import scenes

    for split, count in (("train", train), ("dev", dev)):
        say(f"drawing {count:,} scenes for {split}")
        scenes(folder / split, count, split=split)
    settings = {
        "out": str(folder / "tuned"),
        "model": {"name": "mini"},
        "data": {
            "train": str(folder / "train" / "captions.jsonl"),
            "validation": str(folder / "dev" / "gold.jsonl"),
            "augment": False,
            "texts": 2,
            "negatives": {"event": 1, "role": 1},
            "workers": 1,
        },
        "losses": {"local": 0.0, "alignment": 0.0, "retention": 0.0, "gamma": 0.0, "smoothing": 0.0},
        "optim": {"lr": 3e-4, "batch": 64, "steps": steps, "epochs": 100},
        "evaluation": {"most": dev, "alphas": [0.5, 1.0]},
    }
    return finetune(parse_config(settings), say=say)
