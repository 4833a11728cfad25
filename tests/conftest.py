"""What several tests share: one extractor of each kind for the whole run, and the folder of corpora."""

import os
from pathlib import Path

import pytest

from extraction.extractor import EventExtractor


@pytest.fixture(scope="session")
def news() -> EventExtractor:
    return EventExtractor("news", device="cpu")


@pytest.fixture(scope="session")
def opened() -> EventExtractor:
    return EventExtractor("open", device="cpu")


@pytest.fixture(scope="session")
def corpora() -> Path:
    folder = Path(os.environ.get("CLIP_EVENT_DATA", "../shared/data"))
    if not (folder / "gold" / "captions_dev.jsonl").exists():
        pytest.skip(f"no corpora in {folder}; set CLIP_EVENT_DATA to their folder")
    return folder
