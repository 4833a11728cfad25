"""`clip-event demo`: the shipped captions read, and the embedded model taught who does what to whom on drawn scenes."""

from collections.abc import Callable
from itertools import islice
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
    folder: Path, *, train: int = 4000, dev: int = 500, steps: int = 90, say: Callable[[str], None]
) -> Path:
    """Draw scenes, read and say some of them, tune `mini` on what was drawn, ask it; the tuned model's folder.

    It is tuned on the events as drawn, so that what it learns is not what the reader got wrong.

    Args:
        folder: new; gets `train`, `dev` and `tuned`.
        train, dev: scenes. No triple of type, agent and patient is in both.
        steps: of 64 photographs.
        say: takes lines for people.
    """
    from clip_event.scenes import scenes
    from clip_event.tuning.config import parse_config
    from clip_event.tuning.finetune import finetune

    for split, count in (("train", train), ("dev", dev)):
        say(f"drawing {count:,} scenes for {split}")
        scenes(folder / split, count, split=split)
    say(_read_and_scored(folder / "dev"))
    settings = {
        "out": str(folder / "tuned"),
        "model": {"name": "mini"},
        "data": {
            "train": str(folder / "train" / "gold.jsonl"),
            "validation": str(folder / "dev" / "gold.jsonl"),
            "augment": False,
            "negatives": {"event": 1, "role": 1},
            "workers": 1,
        },
        "losses": {"retention": 0.0},
        "optim": {"lr": 3e-4, "batch": 64, "steps": steps, "epochs": 100},
        "evaluation": {"most": dev, "alphas": [0.5, 1.0]},
    }
    tuned = finetune(parse_config(settings), say=say)
    say(_asked(tuned, folder / "dev"))
    return tuned


def _read_and_scored(folder: Path) -> str:
    """The scenes' captions extracted and said, and how far that agrees with what was drawn."""
    from clip_event.descriptions import describe
    from extraction.files import extract
    from extraction.scoring import score_files

    extract(folder / "captions.jsonl", folder / "events.jsonl")
    describe(folder / "events.jsonl", folder / "descriptions.jsonl")
    scores = score_files(folder / "events.jsonl", folder / "gold.jsonl")
    trigger, argument = (scores[what]["f1"] for what in ("trigger", "argument"))
    return f"events read from the captions for dev: trigger F1 {trigger:.1f}, argument F1 {argument:.1f}"


def _asked(tuned: Path, folder: Path) -> str:
    """The scenes classified, and how many casts are right of the first hundred."""
    from clip_event.evaluation.acted import casts
    from clip_event.zeroshot.classify import Classifying, classify
    from clip_event.zeroshot.model import ClipEvent
    from templates.events import read_events
    from templates.ontology import load_ontology

    model = ClipEvent.load(str(tuned))
    classify([folder / "images"], folder / "classified.jsonl", classifying=Classifying(model, load_ontology()))
    records = list(islice(read_events(folder / "gold.jsonl"), 100))
    found = casts(model, records, model.encode_images([folder / str(record.image) for record in records]))
    return (
        f"{folder / 'classified.jsonl'}: their events as the tuned model sees them; of {len(records)} scenes it casts "
        f"all roles rightly in {found['arguments']['accuracy']:.0f} %"
    )
