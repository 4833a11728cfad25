"""`clip-event calibrate`: fits what turns a model's cosines into probabilities, on photographs whose event is known."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss, roc_curve
from sklearn.model_selection import StratifiedKFold
from torch import Tensor

from clip_event.calibrating.labelled import embed, images_without_event, read_labelled
from clip_event.calibrating.reliability import Floats, calibration_error, risk_coverage
from clip_event.zeroshot.calibration import Calibration
from clip_event.zeroshot.classifiers import Classifier, classifier, logits
from clip_event.zeroshot.model import ClipEvent, say
from clip_event.zeroshot.prompts import FORMS
from clip_event.zeroshot.text_cache import USER
from extraction.records import InputError
from templates.events import Event
from templates.formats import read_ontology
from templates.ontology import Ontology

Bools = NDArray[np.bool_]
FOLDS = 5
LEAST = 20  # photographs of a kind, with or without event, that anything can be fitted on
SCALES = (0.1, 1000.0)


def calibrate(
    model: ClipEvent,
    source: str | Path,
    images: str | Path,
    *,
    ontology: str | Path | Ontology = "news",
    without: str | Path | None = None,
    styles: Sequence[str] = tuple(FORMS),
    cache: Path | None = USER,
    batch_size: int = 64,
    workers: int = 2,
    seed: int = 0,
    progress: Callable[[int], None] | None = None,
) -> Calibration:
    """Fit a calibration.

    The scale minimises the negative log likelihood of the types, "none" among them where there are photographs without
    event; the threshold of "none" maximises the balanced accuracy of event or not, and stays 0 where there are no such
    photographs; slope and offset are a logistic regression of each photograph's own event against another's.

    Args:
        source: records with `image`, `events` and `salient`; one without events counts as a photograph without event.
        images: the folder that nothing outside of is read.
        ontology: `open` takes the types of the records.
        without: more photographs without event, see `images_without_event`.
        seed: of folds, and of which other event a photograph is set against.

    Raises:
        InputError: a file that cannot be used, or fewer than 20 photographs with, or without, an event.
        MissingPictures: 5 % or more of the photographs cannot be read.
        ValueError: the model tells events from one another worse than by chance.
    """
    types = None if str(ontology) == "open" else read_ontology(ontology)
    labelled = read_labelled(source, types)
    ask = classifier(model, types or labelled.types, styles, cache)
    options: dict[str, Any] = {"batch_size": batch_size, "workers": workers, "progress": progress}
    image, places = embed(model, labelled.images, images, **options)
    events = [labelled.events[place] for place in places]
    missing = len(labelled.images) - len(places)
    if without:
        names, root = images_without_event(without)
        more, _ = embed(model, names, root, **options)
        missing += len(names) - len(more)
        image, events = torch.cat([image, more]), events + [None] * len(more)
    _check(source, events)
    label = np.array([ask.types.index(event.type) if event else len(ask.types) for event in events])
    fitted = fit(ask.cosines(image).double(), label, ask.scale, seed)
    margin, true = _pairs(model, ask, image, events, types, seed)
    slope, offset = fit_pair(margin, true)
    if slope <= 0:
        raise ValueError(f"{model.name}: photographs are no nearer to their own events than to others; nothing to fit")
    start, fitted = Calibration.of(ask.scale), fitted.model_copy(update={"slope": slope, "offset": offset})
    return fitted.model_copy(
        update={
            "model": model.name,
            "ontology": types.name if types else "open",
            "source": Path(source).name,
            "left_out": labelled.left_out | {"missing": missing},
            "before": fitted.before | _pair_figures(start, margin, true),
            "after": fitted.after | _pair_figures(fitted, margin, true),
        }
    )


def _check(source: str | Path, events: Sequence[Event | None]) -> None:
    with_event = sum(event is not None for event in events)
    without = len(events) - with_event
    if with_event < LEAST:
        raise InputError(f"{source}: {with_event} photographs with an event, expected at least {LEAST}")
    if 0 < without < LEAST:
        raise InputError(f"{source}: {without} photographs without an event, expected none or at least {LEAST}")


def fit(cosines: Tensor, label: NDArray[np.int64], scale: float, seed: int = 0) -> Calibration:
    """Scale and threshold, with figures before, and after by cross-validation.

    Args:
        cosines: (N, types + 1), as `Classifier.cosines` gives them.
        label: (N,), columns of `cosines`. Where none is the last, the last column is left out.
        scale: the model's own.
    """
    none = label == cosines.shape[1] - 1
    before = Calibration.of(scale)
    whole = _fit(cosines, label, before)
    found = np.zeros((len(label), cosines.shape[1] - (not none.any())))
    for train, test in StratifiedKFold(FOLDS, shuffle=True, random_state=seed).split(label, none):
        found[test] = _probabilities(cosines[test], _fit(cosines[train], label[train], before), none.any())
    return whole.model_copy(
        update={
            "photographs": int((~none).sum()),
            "without_event": int(none.sum()),
            "before": _figures(_probabilities(cosines, before, none.any()), label, none),
            "after": _figures(found, label, none),
            "coverage": risk_coverage(found.max(1), found.argmax(1) == label),
        }
    )


def _fit(cosines: Tensor, label: NDArray[np.int64], start: Calibration) -> Calibration:
    none = label == cosines.shape[1] - 1
    threshold = 0.0
    if none.any():
        margin = cosines[:, :-1].amax(1) - cosines[:, -1]
        threshold = fit_threshold(margin.numpy(), ~none)
    moved = logits(cosines, start.model_copy(update={"scale": 1.0, "threshold": threshold}))
    scale = fit_scale(moved if none.any() else moved[:, :-1], label)
    return start.model_copy(update={"scale": scale, "threshold": threshold})


def fit_scale(cosines: Tensor, label: NDArray[np.int64]) -> float:
    """What (N, classes) are multiplied with for the least negative log likelihood of (N,) labels, 0.1 to 1000.

    Convex in the scale, so one search finds it.
    """
    target = torch.from_numpy(label)
    at = torch.nn.functional.cross_entropy
    return float(minimize_scalar(lambda scale: float(at(scale * cosines, target)), bounds=SCALES, method="bounded").x)


def fit_threshold(margin: Floats, event: Bools) -> float:
    """The threshold with the best balanced accuracy of "event where the margin is above it"; both (N,)."""
    false, true, cuts = roc_curve(event, margin, drop_intermediate=False)
    best = len(cuts) - 1 - int(np.argmax((true - false)[::-1]))  # of equal ones the lowest: an event is the answer
    lower = margin[margin < cuts[best]]
    if not len(lower):  # everything is called an event
        return float(cuts[best]) - 1e-6
    return float(lower.max() + min(cuts[best], margin.max() + 2e-6)) / 2


def fit_pair(margin: Floats, true: Bools) -> tuple[float, float]:
    """Slope and offset of the probability that a text is true, by logistic regression; both (N,)."""
    model = LogisticRegression(C=1e9, tol=1e-8, max_iter=10_000).fit(margin[:, None], true)
    return float(model.coef_[0, 0]), float(model.intercept_[0])


def _probabilities(cosines: Tensor, calibration: Calibration, none: bool) -> Floats:
    found = logits(cosines, calibration)
    probabilities: Floats = (found if none else found[:, :-1]).softmax(1).numpy()
    return probabilities


def _figures(found: Floats, label: NDArray[np.int64], none: Bools) -> dict[str, float]:
    """Of answers over the types, and over "none" where there is such a column."""
    answer = found.argmax(1)
    right = answer == label
    figures = {
        "accuracy": float(right.mean()),
        "calibration_error": calibration_error(found.max(1), right),
        "log_loss": float(-np.log(np.maximum(found[np.arange(len(label)), label], 1e-300)).mean()),
    }
    if none.any():
        told = answer == found.shape[1] - 1
        figures["event_told"] = float((~told[~none]).mean())
        figures["none_told"] = float(told[none].mean())
    return figures


def _pairs(
    model: ClipEvent,
    ask: Classifier,
    image: Tensor,
    events: Sequence[Event | None],
    ontology: Ontology | None,
    seed: int,
) -> tuple[Floats, Bools]:
    """Cosines less background of photographs with their own event, and with another's that is said otherwise."""
    shown = [place for place, event in enumerate(events) if event]
    said = [say(event, ontology) for event in events if event]
    order = np.random.default_rng(seed).permutation(len(said))
    apart = [(own, other) for own, other in zip(order, np.roll(order, -1), strict=True) if said[own] != said[other]]
    if not apart:
        raise InputError("every photograph shows the same event, expected several to set against each other")
    text, image, level = model.encode_texts(said), image[shown], ask.level(image[shown])
    own, other = (list(each) for each in zip(*apart, strict=True))
    margins = [(image[own] * text[which]).sum(1) - level[own] for which in (own, other)]
    return torch.cat(margins).double().numpy(), np.repeat([True, False], len(own))


def _pair_figures(calibration: Calibration, margin: Floats, true: Bools) -> dict[str, float]:
    probability = calibration.pair(torch.from_numpy(margin)).numpy()
    return {
        "pair_accuracy": float(((probability > 0.5) == true).mean()),
        "pair_log_loss": float(log_loss(true, probability)),
    }
