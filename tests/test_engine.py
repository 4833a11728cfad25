"""The Ray engine: the records of the plain one whoever dies on the way, on one real Ray for all of these tests."""

import gzip
import json
import os
import random
import signal
import subprocess
import sys
from collections import Counter
from functools import partial
from pathlib import Path

import pyarrow
import pytest
from jobs import numbers, squaring
from pyarrow import parquet
from test_classify import WARD
from typer.testing import CliRunner

from clip_event.cli import app
from clip_event.scenes import scenes
from extraction.archive import extract_archive
from extraction.engine import TRIES, Pool, files_of, run
from extraction.files import Summary, extract
from extraction.records import InputError

pytestmark = pytest.mark.xdist_group("ray")
ROOT = Path(__file__).resolve().parent.parent
ONE = Pool(actors=1, shard=24)
SAID = ["Police arrest a man in Kabul.", "Rain.", "Soldiers attack a village.", "A nurse treats a boy in Goma."]


@pytest.fixture(scope="module")
def cluster():
    """A small Ray of this machine's own, that reports to nobody."""
    ray = pytest.importorskip("ray", reason="Ray is not installed: pip install 'clip-event[ray]'")
    with pytest.MonkeyPatch.context() as environment:
        environment.delenv("RAY_ADDRESS", raising=False)
        environment.setenv("RAY_USAGE_STATS_ENABLED", "0")
        environment.setenv("RAY_AUTH_MODE", "disabled")
        environment.setenv("PYTHONPATH", os.pathsep.join([str(ROOT), str(ROOT / "tests")]))
        options = {"include_dashboard": False, "log_to_driver": False, "_node_ip_address": "127.0.0.1"}
        ray.init(address="local", num_cpus=2, object_store_memory=80 * 1024**2, **options)
        yield ray
        ray.shutdown()


def lines(path):
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def records_of(folder, number=None):
    names = sorted(folder.glob("*.jsonl" if number is None else f"part-{number:06d}-*.jsonl"))
    return [record for name in names for record in lines(name)]


def actors():
    """Processes of this test's Ray that hold a job."""
    psutil = pytest.importorskip("psutil")
    found = []
    for process in psutil.Process().children(recursive=True):
        try:
            if process.name().startswith("ray::MapWorker") or "MapWorker" in " ".join(process.cmdline()):
                found.append(process.pid)
        except psutil.NoSuchProcess:
            pass
    return found


def captions(count, seed):
    """Records with an odd one now and then, and bad ones of several kinds."""
    draw = random.Random(seed)
    for at in range(count):
        record = {"id": at, "caption": " ".join(draw.choices(SAID, k=draw.randint(1, 3))), "note": {"é": [at]}}
        yield {"id": at} if at % 29 == 7 else record | {"id": 3} if at == 40 else record


@pytest.fixture(scope="module")
def archive(tmp_path_factory):
    """A folder of JSONL, of Parquet and of gzip, some of it not for us."""
    folder = tmp_path_factory.mktemp("archive")
    (folder / "2021" / "b").mkdir(parents=True)
    texts = [json.dumps(record) for record in captions(90, 1)]
    (folder / "2021" / "a.jsonl").write_text("\n".join([*texts[:50], "{no json", "", *texts[50:]]))
    parquet.write_table(pyarrow.Table.from_pylist(list(captions(60, 2))), folder / "2021" / "b" / "c.parquet")
    with gzip.open(folder / "b.jsonl.gz", "wt") as out:
        out.writelines(json.dumps(record) + "\n" for record in captions(10, 3))
    (folder / "notes.txt").write_text("none of ours")
    (folder / ".hidden.jsonl").write_text("nor this")
    return folder


@pytest.fixture(scope="module")
def extracted(cluster, archive):
    """What the Ray engine makes of the archive where its only actor is killed as soon as it has done something."""
    seen = []

    def kill_once(done):
        alive = actors()
        if not seen:
            for actor in alive:
                os.kill(actor, signal.SIGKILL)
        seen.append((done, alive))

    out = archive.parent / "extracted"
    summary = extract_archive(archive, out, device="cpu", pool=ONE, progress=kill_once)
    return out, summary, seen


@pytest.fixture(scope="module")
def plainly(news, archive, tmp_path_factory):
    """What the plain engine makes of each file: records, faults and summary."""
    out, made = tmp_path_factory.mktemp("plain") / "out.jsonl", []
    for name in ("2021/a.jsonl", "2021/b/c.parquet", "b.jsonl.gz"):
        summary = extract(archive / name, out, extractor=news)
        faults = [{"file": str(archive / name), **fault} for fault in lines(out.with_name("out.errors.jsonl"))]
        made.append((lines(out), faults, summary))
    return made


def test_the_actor_was_killed_in_the_middle_and_another_took_over(extracted):
    _, _, seen = extracted
    (first, before), (last, after) = seen[0], seen[-1]
    assert first <= ONE.shard < last == 161
    assert len(before) == 1
    assert after
    assert not set(before) & set(after)


def test_each_file_gives_the_records_of_the_plain_engine_in_order(extracted, plainly):
    out, _, _ = extracted
    for number, (records, _, _) in enumerate(plainly):
        assert records_of(out, number) == records
        assert sum(len(record["events"]) for record in records) > 5
    assert records_of(out) == [record for records, _, _ in plainly for record in records]


def test_shards_are_named_by_their_place(extracted):
    out, _, _ = extracted
    names = [f"part-{number:06d}-{shard:06d}.jsonl" for number, of in enumerate((4, 3, 1)) for shard in range(of)]
    assert sorted(path.name for path in out.iterdir()) == names
    assert not out.with_name("extracted.partial").exists()


def test_bad_records_are_listed_with_their_file_and_line(extracted, plainly):
    out, summary, _ = extracted
    found = lines(out.with_name("extracted.errors.jsonl"))
    assert found == [fault for _, faults, _ in plainly for fault in faults]
    assert [fault["line"] for fault in found if "not JSON" in fault["reason"]] == [51]
    assert [fault["line"] for fault in found if "earlier line" in fault["reason"]] == [41, 41]
    assert summary.bad == len(found) == 9


def test_the_summary_is_the_sum_of_the_plain_ones(extracted, plainly):
    total = Summary()
    for _, _, summary in plainly:
        total.include(summary.to_dict())
    assert extracted[1].to_dict() == total.to_dict()


def test_classify_answers_as_the_plain_engine_and_lists_what_it_cannot_read(cluster, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    scenes("drawn", 14, split="dev", size=64)
    gold = lines(Path("drawn/gold.jsonl"))
    Path("drawn", gold[2]["image"]).write_bytes(b"junk")
    gold[5]["image"] = "images/gone.png"
    Path("records").mkdir()
    Path("records/a.jsonl").write_text("".join(json.dumps(record) + "\n" for record in gold[:9]))
    plain = [{key: record[key] for key in ("id", "image", "caption")} for record in gold[9:]]
    parquet.write_table(pyarrow.Table.from_pylist(plain), "records/b.parquet")
    Path("ward.toml").write_text(WARD)
    given = ["--images", "drawn", "--ontology", "ward.toml", "--device", "cpu", "--batch-size", "4"]
    plainly = CliRunner().invoke(app, ["classify", "records/a.jsonl", "records/b.parquet", "-o", "plain.jsonl", *given])
    ray = ["--engine", "ray", "--actors", "1", "--shard", "4"]
    by_ray = CliRunner().invoke(app, ["classify", "records", "-o", "out", *given, *ray])
    assert (plainly.exit_code, by_ray.exit_code) == (0, 0), by_ray.stderr
    assert "12 photographs, 2 that cannot be used" in by_ray.stderr
    assert [(fault["file"], fault["line"]) for fault in lines(Path("out.errors.jsonl"))] == [
        ("records/a.jsonl", 3),
        ("records/a.jsonl", 6),
    ]
    assert Path("out.errors.jsonl").read_bytes() == Path("plain.errors.jsonl").read_bytes()
    found, expected = records_of(Path("out")), lines(Path("plain.jsonl"))
    assert [record["id"] for record in found] == [record["id"] for record in gold if record not in (gold[2], gold[5])]
    for one, other in zip(found, expected, strict=True):
        assert one["events"] == other["events"]
        shares = [[kind["probability"] for kind in record.pop("types")] for record in (one, other)]
        assert shares[0] == pytest.approx(shares[1], abs=2e-6)
        assert one == other


@pytest.fixture
def marks(tmp_path):
    (tmp_path / "marks").mkdir()
    return tmp_path / "marks"


def shard(mark):
    """The first source's shard that a mark is of."""
    return f"part-000000-{int(mark.split('-')[1]) // 10:06d}"


def squares(marks, source="200", **options):
    """Run the squaring job over so many numbers, ten a shard, and return the counts that were added up."""
    total = Counter()
    made = {"read": numbers, "make": partial(squaring, str(marks)), "add": total.update, "settings": "squares"}
    run([source, "25"], marks.parent / "out", **made, pool=Pool(actors=1, shard=10), **options)
    return total


def test_strict_stops_at_what_is_bad_and_without_it_the_run_resumes_with_what_is_left(cluster, marks):
    out, folder = marks.parent / "out", marks.parent / "out.partial"
    with pytest.raises(InputError, match=r"^(200: line 199|25: line 24): unlucky$"):
        squares(marks, strict=True)
    assert not out.exists()
    with pytest.raises(InputError, match=r"out.partial: was begun with other input or settings"):
        run(["200"], out, read=numbers, make=squaring, add=print, settings="others", resume=True)
    noted = {path.stem for path in (folder / "notes").iterdir()}
    assert 0 < len(noted) < 23
    done = {mark: (marks / mark).read_text() for mark in (f"200-{10 * n}" for n in range(20)) if shard(mark) in noted}
    total = squares(marks, resume=True)
    assert done == {mark: (marks / mark).read_text() for mark in done}
    assert [record["square"] for record in records_of(out)] == [n**2 for of in (200, 25) for n in range(of - 1)]
    assert total["sum"] == sum(range(200)) + sum(range(25))
    assert lines(marks.parent / "out.errors.jsonl") == [
        {"file": str(of), "line": of - 1, "reason": "unlucky"} for of in (200, 25)
    ]
    assert {path.name for path in marks.parent.iterdir()} == {"out", "out.errors.jsonl", "marks"}
    with pytest.raises(InputError, match="complete, nothing to resume"):
        squares(marks, resume=True)
    with pytest.raises(InputError, match="is there already"):
        squares(marks)


WORKER = """
import sys
from functools import partial
import pyarrow
from extraction.engine import _cut, _Worker
from jobs import numbers, squaring

table = pyarrow.Table.from_pylist([{"number": 0, "source": "31"}])
worker = _Worker("cpu", ".", partial(squaring, sys.argv[1]), sys.argv[2], False)
print([row["stop"] for part in _cut(".", numbers, 10, table) for out in worker(part) for row in out.to_pylist()])
"""


def test_a_shard_that_ends_its_worker_every_time_is_tried_no_more_and_named(marks):
    folder = marks.parent / "out.partial"
    for name in ("shards", "notes", "tries"):
        (folder / name).mkdir(parents=True)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "tests")])}
    code = [sys.executable, "-c", WORKER, str(marks), str(folder)]
    ended = [
        subprocess.run(code, env=environment, check=False, capture_output=True, text=True) for _ in range(TRIES + 1)
    ]
    assert [one.returncode for one in ended] == [-signal.SIGKILL] * TRIES + [0]
    assert f"31: shard part-000000-000003 ended its worker {TRIES} times" in ended[-1].stdout
    assert {path.name: path.read_text() for path in marks.iterdir()} == {
        **{f"31-{first}": "." for first in (0, 10, 20)},
        "31-30": "." * TRIES,
    }


def test_without_ray_the_error_says_what_to_install(tmp_path, monkeypatch):
    (tmp_path / "in.jsonl").write_text('{"caption": "Rain."}\n')
    monkeypatch.setitem(sys.modules, "ray", None)
    for command in ("extract", "classify"):
        asked = [command, str(tmp_path / "in.jsonl"), "-o", str(tmp_path / "out"), "--engine", "ray"]
        result = CliRunner().invoke(app, asked)
        assert result.exit_code == 1
        assert "pip install 'clip-event[ray]'" in result.stderr.splitlines()[-1]
    assert {path.name for path in tmp_path.iterdir()} == {"in.jsonl"}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ("extract in.jsonl -o out --actors 2", "--actors: is for --engine ray"),
        ("classify in.jsonl -o out --resume", "--resume: is for --engine ray"),
        ("extract in.jsonl --engine ray", "name one with -o"),
        ("extract - -o out --engine ray", "-: no such file or folder"),
        ("extract none -o out --engine ray", "none: no such file or folder"),
        ("extract empty -o out --engine ray", "empty: holds no file that ends in .jsonl"),
        ("extract in.jsonl -o full --engine ray", "full: is there already"),
        ("extract in.jsonl -o in --engine ray", "in.partial: is not what a run left"),
        ("extract in.jsonl -o out --errors empty --engine ray", "empty: is a folder"),
        ("extract in.jsonl -o out --ontology none.toml --engine ray", "none.toml"),
        ("classify full -o out --engine ray", "full: holds both photographs and files of records"),
        ("classify in.jsonl -o out --model mnii --engine ray", "did you mean mini?"),
    ],
)
def test_what_cannot_be_done_is_refused_in_one_sentence_before_ray_starts(tmp_path, monkeypatch, arguments, said):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(sys.modules, "ray", None)
    for folder in ("empty", "full", "in.partial"):
        Path(folder).mkdir()
    for file in ("in.jsonl", "full/a.jsonl", "full/a.png", "in.partial/mine.txt"):
        Path(file).write_text("{}\n")
    before = sorted(tmp_path.rglob("*"))
    result = CliRunner(env={"COLUMNS": "200"}).invoke(app, arguments.split())
    assert result.exit_code == 1
    (line,) = result.stderr.splitlines()
    assert line.startswith("clip-event: ")
    assert said in line
    assert sorted(tmp_path.rglob("*")) == before


def test_files_are_found_in_depth_and_by_name(archive):
    assert files_of(archive) == [str(archive / name) for name in ("2021/a.jsonl", "2021/b/c.parquet", "b.jsonl.gz")]
    assert files_of(archive / "notes.txt") == [str(archive / "notes.txt")]
