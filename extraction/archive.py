"""`clip-event extract --engine ray`: the captions of a folder of files, by as many machines as there are."""

import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from extraction.engine import Done, Job, Pool, files_of, run
from extraction.extractor import EventExtractor
from extraction.files import Summary, fingerprint
from extraction.records import Bad, Row, read_rows
from templates.formats import read_ontology
from templates.ontology import Ontology


def extract_archive(
    source: str | Path,
    out: str | Path,
    *,
    ontology: str | Path = "news",
    batch_size: int = 64,
    device: str = "auto",
    pool: Pool | None = None,
    errors: str | Path | None = None,
    resume: bool = False,
    strict: bool = False,
    progress: Callable[[int], None] | None = None,
) -> Summary:
    """Read every caption of every file of `source`, and write the records with events to the folder `out`.

    The records of a file are those of `extraction.files.extract`, in its order; see `extraction.engine.run` for names.

    Args:
        source: a folder, see `extraction.engine.files_of`, or one file, see `extraction.records.read_rows`.
        errors: as of `extract`, and with the `file` of each.

    Raises:
        InputError: see `extraction.engine.run`.
        OntologyError: the ontology cannot be used.
    """
    began, summary, files = time.monotonic(), Summary(), files_of(source)
    types = "open" if ontology == "open" else read_ontology(ontology)
    run(
        files,
        out,
        read=read_rows,
        make=partial(_extracting, types, batch_size),
        add=summary.include,
        settings=" ".join(fingerprint(file, ontology) for file in files),
        pool=pool,
        device=device,
        errors=errors,
        resume=resume,
        strict=strict,
        progress=progress,
    )
    summary.seconds = time.monotonic() - began
    return summary


def _extracting(ontology: str | Ontology, batch_size: int, device: str) -> Job:
    extractor = EventExtractor(ontology, batch_size=batch_size, device=device)

    def job(source: str, rows: list[Row]) -> Done:
        good = [row for _, row in rows if not isinstance(row, Bad)]
        faults = [{"file": source, **row.to_dict()} for _, row in rows if isinstance(row, Bad)]
        summary, records = Summary(records=len(rows), bad=len(faults)), list(extractor.stream(good))
        for record in records:
            summary.add(record)
        return Done(records, faults, summary.to_dict())

    return job
