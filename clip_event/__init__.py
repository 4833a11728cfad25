"""Who did what to whom in a news photograph.

The public names of `templates`, `extraction` and this package in one place.
"""

from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from clip_event.calibrating.calibrate import calibrate
    from clip_event.pictures.reading import PictureError
    from clip_event.towers.models import ModelError
    from clip_event.tuning.config import Config, ConfigError, parse_config, read_config
    from clip_event.tuning.finetune import finetune
    from clip_event.zeroshot.calibration import Calibration, calibration_for, read_calibration, write_calibration
    from clip_event.zeroshot.classifiers import Classifier, classifier
    from clip_event.zeroshot.classify import Answer, Classifying, classify
    from clip_event.zeroshot.fillers import Candidate, candidates_of, read_fillers, typical_fillers
    from clip_event.zeroshot.grounding import Grounded, ground
    from clip_event.zeroshot.model import ClipEvent, say
    from clip_event.zeroshot.roles import Roles, assign
    from clip_event.zeroshot.scores import Scores
    from extraction import EventExtractor, extract, score
    from templates import (
        Argument,
        CaptionEvents,
        Confusable,
        Corpus,
        Description,
        Event,
        EventTemplate,
        Ontology,
        OntologyError,
        RecordError,
        Role,
        Span,
        Statement,
        Wanted,
        describe,
        described,
        load_ontology,
        read_events,
        read_imsitu,
        read_ontology,
        read_role_json,
        statement,
        to_graph,
        write_events,
    )

__version__ = "0.1.0"

_FLOORS = ("templates", "extraction")
_HOME = {
    "calibrate": "clip_event.calibrating.calibrate",
    **dict.fromkeys(("Config", "ConfigError", "parse_config", "read_config"), "clip_event.tuning.config"),
    "finetune": "clip_event.tuning.finetune",
    **dict.fromkeys(("EventExtractor", "extract", "score"), "extraction"),
    **dict.fromkeys(
        ("Calibration", "calibration_for", "read_calibration", "write_calibration"), "clip_event.zeroshot.calibration"
    ),
    **dict.fromkeys(("Answer", "Classifying", "classify"), "clip_event.zeroshot.classify"),
    **dict.fromkeys(("Candidate", "candidates_of", "read_fillers", "typical_fillers"), "clip_event.zeroshot.fillers"),
    **dict.fromkeys(("Grounded", "ground"), "clip_event.zeroshot.grounding"),
    **dict.fromkeys(("ClipEvent", "say"), "clip_event.zeroshot.model"),
    "ModelError": "clip_event.towers.models",
    "PictureError": "clip_event.pictures.reading",
    **dict.fromkeys(("Roles", "assign"), "clip_event.zeroshot.roles"),
    "Scores": "clip_event.zeroshot.scores",
    **dict.fromkeys(("Classifier", "classifier"), "clip_event.zeroshot.classifiers"),
}
"""Where public names are; those of `templates` are left out. None may be called like a module or folder of
this package, which importing that would put in its place."""
__all__ = [
    "Answer",
    "Argument",
    "Calibration",
    "Candidate",
    "CaptionEvents",
    "Classifier",
    "Classifying",
    "ClipEvent",
    "Config",
    "ConfigError",
    "Confusable",
    "Corpus",
    "Description",
    "Event",
    "EventExtractor",
    "EventTemplate",
    "Grounded",
    "ModelError",
    "Ontology",
    "OntologyError",
    "PictureError",
    "RecordError",
    "Role",
    "Roles",
    "Scores",
    "Span",
    "Statement",
    "Wanted",
    "assign",
    "calibrate",
    "calibration_for",
    "candidates_of",
    "classifier",
    "classify",
    "describe",
    "described",
    "extract",
    "finetune",
    "ground",
    "load_ontology",
    "parse_config",
    "read_calibration",
    "read_config",
    "read_events",
    "read_fillers",
    "read_imsitu",
    "read_ontology",
    "read_role_json",
    "say",
    "score",
    "statement",
    "to_graph",
    "typical_fillers",
    "write_calibration",
    "write_events",
]


def _check_floors() -> None:
    """`templates` and `extraction` are common names: refuse another project's package of that name, saying where."""
    own = Path(__file__).resolve().parent.parent
    for name in _FLOORS:
        spec = find_spec(name)
        found = Path(spec.origin).resolve() if spec and spec.origin else None
        if found is None or found.parent.parent != own:
            raise ImportError(
                f"clip_event needs its own package {name!r} from {own / name}, but Python finds "
                f"{found or 'none'}; rename or remove that one, or put {own} first on sys.path"
            )


def __getattr__(name: str) -> Any:
    # loaded when used: `import clip_event` costs neither torch nor spaCy
    if name in __all__:
        return getattr(import_module(_HOME.get(name, "templates")), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


_check_floors()
