"""Events of photographs as a model sees them: which of M2E2's types, and who plays which role."""

from collections.abc import Callable, Sequence
from pathlib import Path

from clip_event.evaluation.photographs import photographs
from clip_event.evaluation.predictions import PredictedArgument, PredictedEvent, Prediction
from clip_event.zeroshot.classify import Answer, Classifying
from clip_event.zeroshot.model import ClipEvent
from templates.ontology import Ontology


def predict(
    model: ClipEvent,
    names: Sequence[str],
    root: str | Path,
    ontology: Ontology,
    types: Sequence[str],
    *,
    fillers: str | None = None,
    batch_size: int = 64,
    workers: int = 2,
    progress: Callable[[int], None] | None = None,
) -> list[Prediction]:
    """The most probable event of each photograph, or none.

    One that cannot be read shows none; see `photographs` for the arguments and for how many may be so.

    Args:
        types: the only ones to choose from, by the ontology's names.
        fillers: who may play roles, `typical` or None, see `Classifying`. There are no boxes.
    """
    found = photographs(model, names, root, batch_size=batch_size, workers=workers, progress=progress)
    asking = Classifying(model, ontology, top=1, fillers=fillers)
    asking.classifier = asking.classifier.only(types)
    events = {name: _events(answer) for name, answer in zip(found.row, asking(found.image), strict=True)}
    return [Prediction(image=name, events=events.get(name, ())) for name in (*found.missed, *found.row)]


def _events(answer: Answer) -> tuple[PredictedEvent, ...]:
    if (event := answer.event) is None:
        return ()
    arguments = tuple(
        PredictedArgument(role=role, text=one.text, probability=event.by_role[role][one.text])
        for role, who in event.fillers.items()
        for one in who
    )
    return (PredictedEvent(type=event.type, probability=dict(answer.types)[event.type], arguments=arguments),)
