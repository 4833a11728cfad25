"""`clip-event classify --engine ray`: the photographs of an archive, by as many machines as there are."""

import time
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path

from clip_event.pictures.folders import Found, find_pictures, pictures_of
from clip_event.zeroshot.calibration import Calibration
from clip_event.zeroshot.classify import Classified, Classifying, Fillers, answered
from clip_event.zeroshot.model import ClipEvent
from extraction.engine import Done, Job, Pool, files_of, run
from extraction.files import fingerprint
from extraction.records import InputError
from templates.formats import read_ontology


def classify_archive(
    images: Iterable[str | Path],
    out: str | Path,
    *,
    model: str = "mini",
    ontology: str | Path = "news",
    top: int = 5,
    fillers: Fillers = None,
    min_probability: float = 0.0,
    calibration: Calibration | None = None,
    root: str | Path | None = None,
    batch_size: int = 64,
    workers: int = 2,
    device: str = "auto",
    pool: Pool | None = None,
    errors: str | Path | None = None,
    resume: bool = False,
    strict: bool = False,
    progress: Callable[[int], None] | None = None,
) -> Classified:
    """Classify photographs of any number, into the folder `out`.

    The answers are those of `clip_event.zeroshot.classify.classify`, in its order; names: `extraction.engine.run`.

    Args:
        images: files of photographs or records, and folders of either; see `clip_event.pictures.folders.find_pictures`.
        model: name of what each actor loads, see `ClipEvent.load`.
        top, fillers, min_probability, calibration: see `clip_event.zeroshot.classify.Classifying`.
        root: the folder that records' images are relative to and must lie in.

    Raises:
        InputError: see `extraction.engine.run`; a folder that holds both photographs and files of records.
        ModelError: there is no such model.
        OntologyError: the ontology cannot be used.
    """
    began, result = time.monotonic(), Classified()
    sources, types = [file for source in images for file in _sources(str(source))], read_ontology(ontology)
    asked = (top, fillers, min_probability, calibration)
    settings = [*(fingerprint(file, ontology) for file in sources), repr((model, asked, str(root), batch_size))]
    asking = partial(
        Classifying,
        ontology=types,
        top=top,
        fillers=fillers,
        min_probability=min_probability,
        calibration=calibration,
    )
    ClipEvent.load(model, device="cpu")  # so that its terms, or why it cannot be had, are said here and at once
    run(
        sources,
        out,
        read=partial(pictures_of, root),
        make=partial(_classifying, model, asking, batch_size, workers),
        add=result.include,
        settings=" ".join(settings),
        pool=pool,
        device=device,
        errors=errors,
        resume=resume,
        strict=strict,
        progress=progress,
    )
    result.seconds = time.monotonic() - began
    return result


def _sources(given: str) -> list[str]:
    """A folder of records as its files; anything else as it is."""
    if not Path(given).is_dir():
        return files_of(given)
    try:
        files = files_of(given)
    except InputError:
        return [given]
    if next(find_pictures([given]), None):
        raise InputError(f"{given}: holds both photographs and files of records, as {files[0]}; name one or the other")
    return files


def _classifying(model: str, asking: Callable[[ClipEvent], Classifying], size: int, workers: int, device: str) -> Job:
    classifying = asking(ClipEvent.load(model, device=device))

    def job(source: str, found: list[Found]) -> Done:
        done, result = Done(), Classified()
        for rows, faults in answered(classifying, found, batch_size=size, workers=workers):
            done.records += rows
            done.faults += faults
        result.add(done.records)
        done.counts = {"photographs": result.photographs, "events": result.events, "bad": len(done.faults)}
        return done

    return job
