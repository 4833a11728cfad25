"""The demo's second half, small: scenes drawn, captions read, the embedded model tuned, a report written."""

import json

import pytest

from clip_event.demo import demo_tuning


def test_scenes_are_drawn_read_and_learnt_from(tmp_path):
    said = []
    folder = demo_tuning(tmp_path, train=96, dev=32, steps=2, say=said.append)
    assert folder == tmp_path / "tuned"
    assert (folder / "report.html").exists()
    found = [json.loads(line) for line in (folder / "metrics.jsonl").read_text(encoding="utf-8").splitlines()]
    start = next(line for line in found if line["event"] == "evaluation")
    assert start["retrieval"]["images"] == 32
    assert start["pairs"]["filler"]["accuracy"] > 0.9  # mini knows its actors, by its card
    assert said[0].startswith("drawing 96 scenes")
    with pytest.raises(ValueError, match="empty"):
        demo_tuning(tmp_path, train=96, dev=32, steps=2, say=said.append)
