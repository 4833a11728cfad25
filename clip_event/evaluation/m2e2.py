"""`evaluate m2e2`: events and arguments of news photographs and sentences, by every convention in use.

Published figures differ by what is left unsaid. Here each is printed both ways:

- over inputs with a gold event only (the authors' code by default, `keep_events` and `keep_events_sr`), and over all,
  where an event found in an input without one is wrong;
- an argument must also be of an event of the right type (as the paper says), or need not be (as the authors' code
  counts those of images).

The event of an image is right when its type is. An argument of an image is right by role, a role counting once an
image, or by role and box: intersection over union of 0.5 or more with a gold box, each gold box matched once (the
authors' code also takes a box that lies to 90 % in a gold one, and matches a gold box more than once).

A trigger is right when type and offsets are gold's, an argument when role and offsets are. The reader's arguments are
noun phrases without determiner, gold's are entity mentions, so both are also printed leniently, as `evaluate
extraction` counts: triggers that overlap, arguments whose last word is inside gold's.

Li et al., Cross-media Structured Common Space for Multimedia Event Extraction, ACL 2020; github.com/limanling/m2e2,
`src/eval/JOINTtesting.py` and `src/util/util_img.py`.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from operator import eq
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clip_event.evaluation.boxes import overlap
from clip_event.evaluation.counts import Count, count, figures
from clip_event.evaluation.m2e2_gold import (
    Mention,
    Names,
    Sentence,
    Situation,
    places,
    read_images,
    read_sentences,
)
from clip_event.evaluation.predictions import Prediction, read_predictions
from templates.events import CaptionEvents, read_events
from templates.formats import read_ontology
from templates.ontology import Ontology
from templates.whole import whole

if TYPE_CHECKING:
    from clip_event.zeroshot.model import ClipEvent

SUFFIXES = (".jpg", ".jpeg", ".png", ".gif", ".webp")
ENOUGH = 0.5  # intersection over union


def evaluate(
    folder: str | Path,
    *,
    predictions: str | Path | None = None,
    model: "ClipEvent | None" = None,
    images: str | Path | None = None,
    text: str | Path | None = None,
    ontology: str | Path = "news",
    fillers: str | None = None,
    batch_size: int = 64,
    workers: int = 2,
    progress: Callable[[int], None] | None = None,
) -> dict[str, Any]:
    """`image` and `text`, each where it is asked for.

    Args:
        folder: `m2e2_annotations`, as the authors publish it.
        predictions: of images, see `evaluation.predictions`; or else
        model, images: a model to ask for the eight types, and the folder with the photographs.
        text: the events.jsonl of the sentences.
        fillers: who may play roles where a model is asked: `typical`, see `m2e2_model.predict`; None asks for no roles.

    Raises:
        ValueError: there is nothing to score, or a file is not as expected.
    """
    found = read_ontology(ontology)
    result: dict[str, Any] = {}
    if predictions is not None:
        result["image"] = evaluate_images(folder, read_predictions(predictions), found)
    elif model is not None and images is not None:
        from clip_event.evaluation.m2e2_model import predict

        names = sorted(path.name for path in Path(images).glob("*") if path.suffix.lower() in SUFFIXES)
        own, options = Names(found).own(), {"batch_size": batch_size, "workers": workers}
        said = predict(model, names, images, found, own, fillers=fillers, progress=progress, **options)
        result["image"] = evaluate_images(folder, said, found)
    if text is not None:
        result["text"] = evaluate_text(folder, text, found)
    if not result:
        raise ValueError("nothing to score: give predictions or images for the images, text for the sentences")
    return result


def evaluate_images(folder: str | Path, predictions: Sequence[Prediction], ontology: Ontology) -> dict[str, Any]:
    """Scores of predictions for the images of M2E2.

    Args:
        folder: with the authors' files.
        predictions: for each image with a gold event at least; images without one are what "all" adds. The first event
            is the prediction, and is none where its type is not one of the eight.

    Returns:
        see `score_images`.

    Raises:
        InputError: see `read_images`.
        ValueError: an image with a gold event has no prediction.
    """
    names = Names(ontology)
    gold = read_images(folder, names)
    found = {image_name(prediction.image): situation(prediction, names) for prediction in predictions}
    if missing := [image for image in gold if image not in found]:
        raise ValueError(f"no prediction for {len(missing)} of {len(gold)} images of {folder}, the first: {missing[0]}")
    return score_images(found, gold)


def image_name(path: str) -> str:
    """A file's name as the gold files have it, without folder and suffix. Names hold points themselves."""
    name = Path(path).name
    return next((name[: -len(end)] for end in SUFFIXES if name.lower().endswith(end)), name)


def situation(prediction: Prediction, names: Names) -> Situation | None:
    """The first event in M2E2's names; None where there is none, or where it is none of the eight types."""
    if not prediction.events or (type := names.type(prediction.events[0].type)) is None:
        return None
    return Situation(type, tuple((names.role(type, a.role), a.box) for a in prediction.events[0].arguments))


def score_images(predicted: Mapping[str, Situation | None], gold: Mapping[str, Situation]) -> dict[str, Any]:
    """Scores over images.

    Args:
        predicted: by image; None says that it shows no event.
        gold: by image; one that is not in it shows none.

    Returns:
        `with_events` and `all`, each with `inputs`, how many, and for `event`, `role`, `role_any_type`, `box` and
        `box_any_type` the dictionary of `counts.figures`.
    """
    each = {image: _count_image(predicted.get(image), gold.get(image)) for image in {**gold, **predicted}}
    return _conventions(each, set(gold))


def _count_image(mine: Situation | None, theirs: Situation | None) -> dict[str, Count]:
    events = [[found.type] if found else [] for found in (mine, theirs)]
    boxes = [[(s.type, role, box) for role, box in s.arguments] if s else [] for s in (mine, theirs)]
    typed = [sorted({(type, role) for type, role, _ in items}) for items in boxes]
    roles = [sorted({role for _, role, _ in items}) for items in boxes]

    def same(one: Any, other: Any) -> bool:
        return bool(one[1] == other[1] and one[2] and other[2] and overlap(one[2], other[2]) >= ENOUGH)

    return {
        "event": _count(events),
        "role": _count(typed),
        "role_any_type": _count(roles),
        "box": _count(boxes, lambda one, other: one[0] == other[0] and same(one, other)),
        "box_any_type": _count(boxes, same),
    }


def evaluate_text(folder: str | Path, events: str | Path, ontology: Ontology) -> dict[str, Any]:
    """Scores of the events that `extract` found in M2E2's sentences.

    Args:
        folder: with the authors' files.
        events: an events.jsonl whose ids are sentence ids; see `write_sentences`. Events of other types than the eight
            do not count.

    Returns:
        see `score_sentences`.

    Raises:
        InputError, RecordError: a file in another form.
        ValueError: a sentence without a record, or a caption that is not the sentence.
    """
    names = Names(ontology)
    gold = read_sentences(folder, names)
    found = {str(record.id): record for record in read_events(events)}
    if missing := [name for name in gold if name not in found]:
        raise ValueError(f"{events}: no record with id {missing[0]!r}; make the captions with --write-sentences")
    theirs = {name: _in_characters(s, found[name].caption, f"{events}: {name}") for name, s in gold.items()}
    return score_sentences({name: _predicted(record, names) for name, record in found.items()}, theirs)


def write_sentences(folder: str | Path, ontology: Ontology, out: str | Path) -> int:
    """Write M2E2's sentences as captions for `extract`, their ids with them. Returns how many."""
    sentences = read_sentences(folder, Names(ontology))
    with whole(out) as lines:
        for name, sentence in sentences.items():
            text = sentence.text if places(sentence.words, sentence.text) else " ".join(sentence.words)
            lines.write(json.dumps({"id": name, "caption": text}, ensure_ascii=False) + "\n")
    return len(sentences)


def _in_characters(sentence: Sentence, caption: str, where: str) -> list[Mention]:
    found = places(sentence.words, caption)
    if found is None:
        raise ValueError(
            f"{where}: the caption does not hold the words of this sentence in order; its offsets are lost"
        )
    mentions = []
    for mention in sentence.mentions:
        start, end = mention.trigger
        filled = tuple((role, found[a][0], found[z - 1][1], found[head][0]) for role, a, z, head in mention.arguments)
        mentions.append(Mention(mention.type, (found[start][0], found[end - 1][1]), filled))
    return mentions


def _predicted(record: CaptionEvents, names: Names) -> list[Mention]:
    mentions = []
    for event in record.events:
        if (type := names.type(event.type)) is not None:
            heads = [a.start + len(a.text.rstrip()) - len(a.text.split()[-1]) for a in event.arguments]
            spans = zip(event.arguments, heads, strict=True)
            filled = tuple((names.role(type, a.role), a.start, a.end, head) for a, head in spans)
            mentions.append(Mention(type, (event.trigger.start, event.trigger.end), filled))
    return mentions


def score_sentences(
    predicted: Mapping[str, Sequence[Mention]], gold: Mapping[str, Sequence[Mention]]
) -> dict[str, Any]:
    """Scores over sentences, spans in the same units on both sides.

    Returns:
        `with_events` and `all`, each with `inputs`, how many, and for `trigger`, `argument`, `argument_any_type` and
        the same three with `_lenient` the dictionary of `counts.figures`.
    """
    each = {name: _count_text(predicted.get(name, ()), gold.get(name, ())) for name in {**gold, **predicted}}
    return _conventions(each, {name for name, mentions in gold.items() if mentions})


def _count_text(mine: Sequence[Mention], theirs: Sequence[Mention]) -> dict[str, Count]:
    triggers = [[(m.type, *m.trigger) for m in mentions] for mentions in (mine, theirs)]
    typed = [[(m.type, *argument) for m in mentions for argument in m.arguments] for mentions in (mine, theirs)]

    def overlapping(one: Any, other: Any) -> bool:
        return bool(one[0] == other[0] and one[1] < other[2] and other[1] < one[2])

    def exact(one: Any, other: Any) -> bool:
        return bool(one[1:4] == other[1:4])

    def inside(one: Any, other: Any) -> bool:
        return bool(one[1] == other[1] and other[2] <= one[4] < other[3])

    return {
        "trigger": _count(triggers),
        "argument": _count(typed, lambda one, other: one[0] == other[0] and exact(one, other)),
        "argument_any_type": _count(typed, exact),
        "trigger_lenient": _count(triggers, overlapping),
        "argument_lenient": _count(typed, lambda one, other: one[0] == other[0] and inside(one, other)),
        "argument_any_type_lenient": _count(typed, inside),
    }


def _count(sides: Sequence[Sequence[Any]], same: Callable[[Any, Any], bool] = eq) -> Count:
    mine, theirs = sides
    return count(mine, theirs, same)


def _conventions(each: Mapping[str, Mapping[str, Count]], with_events: set[str]) -> dict[str, Any]:
    chosen = {"with_events": [counts for name, counts in each.items() if name in with_events], "all": [*each.values()]}
    return {
        convention: {"inputs": len(counts)}
        | {measure: figures([c[measure] for c in counts]) for measure in (counts[0] if counts else ())}
        for convention, counts in chosen.items()
    }
