"""`clip-event demo`: the shipped example captions read, for the terminal and as a page."""

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
