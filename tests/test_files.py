"""`extract`: whole or not at all, in order, and after a break the same bytes as without one."""

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from extraction import extract
from extraction.records import InputError

ROOT = Path(__file__).resolve().parent.parent
CAPTIONS = ["Police arrest a man in Kabul.", "Rain.", "Soldiers attack a village.", "A woman and a boy.", "😀 Fire"]
WINDOW, ROWS, EVERY = 1024, 2600, 64
"""Three windows; one row in EVERY is a caption, the others are bad and cost nothing."""


def row(at):
    if at % EVERY:
        return {"id": at, "text": "no caption"}
    return {"id": at, "caption": CAPTIONS[at // EVERY % len(CAPTIONS)], "note": ["é" * 400, {"at": at}]}


def write(path, records):
    path.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")
    return path


def read(path):
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def both(folder):
    return (folder / "out.jsonl").read_bytes(), (folder / "out.errors.jsonl").read_bytes()


class Stop(Exception):
    pass


def stop_after(windows):
    def progress(done):
        if done >= windows * WINDOW:
            raise Stop

    return progress


class StopsInside:
    """The real extractor, until it has read `most` captions."""

    def __init__(self, extractor, most):
        self.extractor, self.ontology, self.left = extractor, extractor.ontology, most

    def stream(self, records):
        for record in self.extractor.stream(records):
            yield record
            self.left -= 1
            if not self.left:
                raise Stop


@pytest.fixture(scope="module")
def whole(news, tmp_path_factory):
    """A folder with an input of three windows and what an unbroken run makes of it."""
    folder = tmp_path_factory.mktemp("whole")
    source = write(folder / "in.jsonl", map(row, range(ROWS)))
    extract(source, folder / "out.jsonl", extractor=news)
    return folder


@pytest.fixture
def broken(news, whole, tmp_path):
    """A folder with the same input and what a run left that was broken after the first window."""
    shutil.copy(whole / "in.jsonl", tmp_path)
    with pytest.raises(Stop):
        extract(tmp_path / "in.jsonl", tmp_path / "out.jsonl", extractor=news, progress=stop_after(1))
    return tmp_path


def test_captions_come_out_in_order_with_every_key_they_had(whole):
    good = [row(at) for at in range(0, ROWS, EVERY)]
    found = read(whole / "out.jsonl")
    assert [{key: value for key, value in r.items() if key not in ("events", "salient")} for r in found] == good
    arrests = [r for r in found if r["caption"] == CAPTIONS[0]]
    assert all(r["events"][0]["type"] == "Justice:Arrest-Jail" for r in arrests)


def test_bad_records_are_listed_with_line_reason_and_id(whole):
    found = read(whole / "out.errors.jsonl")
    assert [(bad["line"], bad["id"]) for bad in found] == [(at + 1, at) for at in range(ROWS) if at % EVERY]
    assert all("text" in bad["reason"] for bad in found)


def test_out_appears_when_it_is_complete_and_nothing_else_stays(news, tmp_path):
    source, out = write(tmp_path / "in.jsonl", map(row, range(WINDOW + 1))), tmp_path / "new" / "out.jsonl"
    seen = []
    summary = extract(source, out, extractor=news, progress=lambda done: seen.append((done, out.exists())))
    assert seen == [(WINDOW, False), (WINDOW + 1, False)]
    assert {path.name for path in out.parent.iterdir()} == {"out.jsonl", "out.errors.jsonl"}
    good = len(range(0, WINDOW + 1, EVERY))
    assert (summary.records, summary.captions, summary.bad) == (WINDOW + 1, good, WINDOW + 1 - good)


def test_without_bad_records_there_is_no_errors_file_and_an_old_one_goes(news, tmp_path):
    source = write(tmp_path / "in.jsonl", [row(0)])
    (tmp_path / "out.errors.jsonl").write_text("of an earlier run")
    extract(source, tmp_path / "out.jsonl", extractor=news)
    assert {path.name for path in tmp_path.iterdir()} == {"in.jsonl", "out.jsonl"}


def test_errors_go_to_the_file_that_is_asked_for(news, tmp_path):
    source = write(tmp_path / "in.jsonl", [row(0), row(1)])
    extract(source, tmp_path / "out.jsonl", extractor=news, errors=tmp_path / "deep" / "bad.jsonl")
    assert [bad["line"] for bad in read(tmp_path / "deep" / "bad.jsonl")] == [2]
    assert {path.name for path in tmp_path.iterdir()} == {"in.jsonl", "out.jsonl", "deep"}


def test_strict_stops_at_the_first_bad_record_and_names_it(news, tmp_path):
    source = write(tmp_path / "in.jsonl", [row(0), {"caption": 7}, {"text": "a"}])
    with pytest.raises(InputError, match="line 2: caption is a number"):
        extract(source, tmp_path / "out.jsonl", extractor=news, strict=True)
    assert not (tmp_path / "out.jsonl").exists()


@pytest.mark.parametrize("resume", [False, True])
def test_a_second_run_gives_the_same_bytes_also_with_resume_where_nothing_was_begun(news, whole, tmp_path, resume):
    extract(whole / "in.jsonl", tmp_path / "out.jsonl", extractor=news, resume=resume)
    assert both(tmp_path) == both(whole)


AMBIGUOUS = """
import torch
from extraction.decode import Frame, Reading
from extraction.mapping import Mapping, spellings
from templates.ontology import parse_ontology

words = ["found", "left", "shot", "lay", "fell", "saw", "bore", "wound"]
lemmas = sorted(set().union(*map(spellings, words)))
events = {name: {"gerund": "x", "sentences": ["x"], "triggers": [{"lemmas": [name]}]} for name in lemmas}
mapping = Mapping(parse_ontology({"name": "all", "events": events}, "test"), lemmas, ("person",))
frames = [Frame("", at, at, 1.0, []) for at in range(len(words))]
reading = Reading(typed=[], predicates=frames, kinds=torch.zeros(len(words), 1), tags=[], pos=[])
print([frame.type for frame in mapping.read(words, reading)])
"""


def test_the_type_of_an_ambiguous_word_is_the_same_in_every_process():
    types = set()
    for seed in ("0", "1", "2"):
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONHASHSEED": seed}
        run = subprocess.run([sys.executable, "-c", AMBIGUOUS], env=environment, check=True, capture_output=True)
        types.add(run.stdout)
    assert len(types) == 1


@pytest.mark.parametrize("where", ["after a window", "inside a window", "twice"])
def test_a_resumed_run_gives_the_bytes_of_an_unbroken_one(news, whole, broken, where):
    source, out = broken / "in.jsonl", broken / "out.jsonl"
    if where == "inside a window":
        with pytest.raises(Stop):
            extract(source, out, extractor=StopsInside(news, 11), resume=True)
    if where == "twice":
        with pytest.raises(Stop):
            extract(source, out, extractor=news, resume=True, progress=stop_after(2))
    assert not out.exists()
    seen = []
    summary = extract(source, out, extractor=news, resume=True, progress=seen.append)
    assert seen == ([ROWS] if where == "twice" else [2 * WINDOW, ROWS])
    assert (summary.records, summary.captions) == (ROWS, len(range(0, ROWS, EVERY)))
    assert both(broken) == both(whole)
    assert {path.name for path in broken.iterdir()} == {"in.jsonl", "out.jsonl", "out.errors.jsonl"}


KILLED = """
import os, signal, sys
from extraction import EventExtractor, extract

class Killed(EventExtractor):
    read = 0
    def stream(self, records):
        for record in super().stream(records):
            yield record
            self.read += 1
            if self.read == 28:
                os.kill(os.getpid(), signal.SIGKILL)

extract(sys.argv[1], sys.argv[2], extractor=Killed(device="cpu"))
"""


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="no SIGKILL here")
def test_a_killed_run_is_resumed_by_the_command_line(whole, tmp_path):
    source, out = str(shutil.copy(whole / "in.jsonl", tmp_path)), str(tmp_path / "out.jsonl")
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    killed = subprocess.run([sys.executable, "-c", KILLED, source, out], env=environment, check=False)
    assert killed.returncode == -signal.SIGKILL
    assert not Path(out).exists()
    code = "from clip_event.cli import run; run()"
    arguments = ["extract", source, "-o", out, "--resume", "--device", "cpu"]
    subprocess.run([sys.executable, "-c", code, *arguments], env=environment, check=True, stderr=subprocess.DEVNULL)
    assert both(tmp_path) == both(whole)


def test_resume_when_complete_is_refused_and_changes_nothing(news, whole):
    before = both(whole)
    with pytest.raises(InputError, match="complete"):
        extract(whole / "in.jsonl", whole / "out.jsonl", extractor=news, resume=True)
    assert both(whole) == before


def test_resume_with_another_ontology_or_input_is_refused(news, broken):
    with pytest.raises(InputError, match="ontology"):
        extract(broken / "in.jsonl", broken / "out.jsonl", ontology="open", resume=True)
    write(broken / "other.jsonl", [row(0)])
    with pytest.raises(InputError, match="input"):
        extract(broken / "other.jsonl", broken / "out.jsonl", extractor=news, resume=True)


def test_resume_after_the_ontology_file_was_changed_is_refused(tmp_path):
    file = shutil.copy(ROOT / "templates" / "news.toml", tmp_path / "mine.toml")
    source, out = write(tmp_path / "in.jsonl", [row(0)]), tmp_path / "out.jsonl"
    with pytest.raises(Stop):
        extract(source, out, ontology=file, device="cpu", progress=stop_after(0))
    file.write_text(file.read_text().replace('"Justice:Arrest-Jail"', '"Justice:Seize"'))
    with pytest.raises(InputError):
        extract(source, out, ontology=file, device="cpu", resume=True)


def test_resume_never_goes_on_behind_what_is_no_longer_there(news, whole, broken):
    (broken / "out.jsonl.partial").unlink()
    try:
        extract(broken / "in.jsonl", broken / "out.jsonl", extractor=news, resume=True)
    except InputError:
        assert not (broken / "out.jsonl").exists()
    else:
        assert both(broken) == both(whole)


def test_resume_goes_on_from_the_last_run_and_not_from_one_before(news, whole, broken):
    with pytest.raises(Stop):
        extract(broken / "in.jsonl", broken / "out.jsonl", extractor=StopsInside(news, 3))
    extract(broken / "in.jsonl", broken / "out.jsonl", extractor=news, resume=True)
    assert both(broken) == both(whole)


def test_resume_with_another_errors_file_does_not_pad_it(news, whole, broken):
    try:
        extract(broken / "in.jsonl", broken / "out.jsonl", extractor=news, resume=True, errors=broken / "bad.jsonl")
    except InputError:
        return
    assert b"\0" not in (broken / "bad.jsonl").read_bytes()


@pytest.mark.parametrize("folder", ["out", "errors"])
def test_a_folder_in_the_place_of_a_file_is_refused_before_anything_is_read(news, tmp_path, folder):
    source = write(tmp_path / "in.jsonl", [row(0), row(1)])
    (tmp_path / "folder").mkdir()
    names = {"out": tmp_path / "out.jsonl", "errors": tmp_path / "errors.jsonl"} | {folder: tmp_path / "folder"}
    seen = []
    with pytest.raises((InputError, OSError)):
        extract(source, **names, extractor=news, progress=seen.append)
    assert seen == []


def test_a_run_that_could_not_begin_leaves_nothing_behind(news, tmp_path):
    with pytest.raises(InputError, match="none"):
        extract(tmp_path / "none.jsonl", tmp_path / "out.jsonl", extractor=news)
    assert list(tmp_path.iterdir()) == []
