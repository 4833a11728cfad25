"""Sources of every kind: the same records with their pictures, by number, in workers too; bad input is told apart."""

import gzip
import io
import json
import os
import pickle
import tarfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import datasets
import pytest
from PIL import Image
from torch.utils.data import DataLoader, Dataset

from clip_event.data.shards import expand
from clip_event.data.sources import Source, open_source
from clip_event.pictures.reading import PictureError, load
from extraction.extractor import EventExtractor
from extraction.records import InputError
from templates.events import CaptionEvents

Json = dict[str, Any]
CAPTIONS = [
    "Police arrest a man in Kabul.",
    "Soldiers attack a village.",
    "A nurse treats a child at a hospital.",
    "Rescuers carry a woman from a house.",
    "Rain.",
]


def shade(number: int) -> int:
    return 40 * number + 20


def picture(number: int, form: str = "JPEG") -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (24, 16), (shade(number),) * 3).save(out, form)
    return out.getvalue()


def record(number: int, **other: object) -> Json:
    return {"id": f"r{number}", "image": f"images/{number}.jpg", "caption": CAPTIONS[number], **other}


def events(number: int, **other: object) -> Json:
    """A record with one event, whose trigger is the caption's first word."""
    word = CAPTIONS[number].rstrip(".").split()[0]
    trigger = {"text": word, "start": 0, "end": len(word)}
    event = {"id": "e0", "type": "Justice:Arrest-Jail", "trigger": trigger, "arguments": []}
    return record(number, events=[event], salient="e0") | other


def pair(name: str | None, event: str) -> Json:
    pairs = [
        {"style": "short", "positive": f"said {event}", "negatives": [{"kind": "role", "text": "no", "event": {}}]}
    ]
    row = {"image": "images/1.jpg", "event": {"id": event, "type": "Justice:Arrest-Jail"}, "pairs": pairs}
    return row if name is None else {"id": name, **row}


def write(path: Path, *rows: object) -> Path:
    text = "".join((row if isinstance(row, str) else json.dumps(row, ensure_ascii=False)) + "\n" for row in rows)
    path.write_text(text, encoding="utf-8")
    return path


def tar(path: Path, **members: bytes | str) -> Path:
    with tarfile.open(path, "w") as out:
        for name, content in members.items():
            data = content.encode() if isinstance(content, str) else content
            member = tarfile.TarInfo(name)
            member.size = len(data)
            out.addfile(member, io.BytesIO(data))
    return path


def bad(source: Source) -> list[Json]:
    return [json.loads(line) for line in source.errors.read_text(encoding="utf-8").splitlines()]


def shades(source: Source) -> list[int]:
    """The grey of each picture, as its number."""
    found = [load(item.picture, 8, item.place) for item in map(source.__getitem__, range(len(source)))]
    return [round((one.getpixel((4, 4))[0] - 20) / 40) for one in found]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "data" / "images").mkdir(parents=True)
    for number in range(5):
        (tmp_path / "data" / "images" / f"{number}.jpg").write_bytes(picture(number))
    return tmp_path / "data"


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache"


@pytest.mark.parametrize("packing", ["jsonl", "jsonl.gz", "with a byte order mark"])
def test_events_are_records_by_number_with_their_pictures(folder: Path, cache: Path, packing: str) -> None:
    rows = [events(number, picture="a key of the user's own") for number in range(5)]
    path = write(folder / "events.jsonl", rows[0], "", *rows[1:])
    if packing == "jsonl.gz":
        path = folder / "events.jsonl.gz"
        path.write_bytes(gzip.compress((folder / "events.jsonl").read_bytes(), mtime=0))
    elif packing != "jsonl":
        path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    source = open_source(path, cache=cache)
    assert (source.kind, len(source), source.bad) == ("events", 5, 0)
    assert shades(source) == [0, 1, 2, 3, 4]
    item = source[3]
    assert (item.number, item.id, item.place) == (3, "r3", "images/3.jpg")
    assert item.picture == folder.resolve() / "images" / "3.jpg"
    assert isinstance(item.record, CaptionEvents)
    assert item.record == CaptionEvents.model_validate(rows[3]) == source.record(3)
    for number in (5, -1):
        with pytest.raises(IndexError):
            source[number]


@pytest.mark.parametrize("name", ["captions.jsonl", "captions.csv", "captions.parquet"])
def test_captions_are_extracted_once(
    news: EventExtractor, folder: Path, cache: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = folder / name
    table = datasets.Dataset.from_list([record(number) for number in range(5)])
    {"jsonl": table.to_json, "csv": table.to_csv, "parquet": table.to_parquet}[path.suffix[1:]](path)
    told = []
    source = open_source(path, cache=cache, device="cpu", progress=lambda what, done: told.append((what, done)))
    assert (source.kind, told) == ("captions", [("extract", 5)])
    expected = news.extract(CAPTIONS)
    assert expected[0]["events"]
    for number, row in enumerate(expected):
        assert source[number].record == CaptionEvents.model_validate(record(number) | row)
    assert shades(source) == [0, 1, 2, 3, 4]

    monkeypatch.setattr("extraction.store.load_file", None)  # loading the reader now would fail
    again = open_source(path, cache=cache, device="cpu")
    assert again[0].record == source[0].record


@pytest.mark.parametrize("kind", ["captions", "dataset", "shards"])
def test_captions_of_one_picture_are_records_of_their_own(folder: Path, cache: Path, kind: str) -> None:
    captions = [CAPTIONS[:2], CAPTIONS[2:3]]
    rows = [{"id": f"r{n}", "image": f"images/{n}.jpg", "captions": said} for n, said in enumerate(captions)]
    if kind == "captions":
        path = write(folder / "captions.jsonl", *rows)
    elif kind == "dataset":
        path = folder.parent / "saved"
        pictures = [row | {"image": {"bytes": picture(n)}} for n, row in enumerate(rows)]
        features = datasets.Features(
            id=datasets.Value("string"), image=datasets.Image(), captions=datasets.Sequence(datasets.Value("string"))
        )
        datasets.Dataset.from_list(pictures, features).save_to_disk(path)
    else:
        members = {f"{n}.jpg": picture(n) for n in range(2)} | {f"{n}.json": json.dumps(rows[n]) for n in range(2)}
        path = tar(folder.parent / "shard.tar", **members)
    source = open_source(path, cache=cache, device="cpu")
    assert (source.kind, len(source), source.bad) == (kind, 3, 0)
    assert [source[number].id for number in range(3)] == ["r0#0", "r0#1", "r1#0"]
    assert [source.record(number).caption for number in range(3)] == CAPTIONS[:3]
    assert shades(source) == [0, 0, 1]


def test_an_extraction_that_was_interrupted_goes_on(folder: Path, cache: Path) -> None:
    class Stop(Exception):
        pass

    def stop(what: str, done: int) -> None:
        raise Stop

    rows = [record(0, id=n) if n % 400 == 0 else {"id": n, "text": "no caption"} for n in range(1200)]
    path, told = write(folder / "captions.jsonl", *rows), []
    with pytest.raises(Stop):
        open_source(path, cache=cache, device="cpu", progress=stop)
    source = open_source(path, cache=cache, device="cpu", progress=lambda what, done: told.append((what, done)))
    assert told == [("extract", 1200)]  # the first window, of 1,024, was done
    assert [source[number].id for number in range(len(source))] == [0, 400, 800]
    assert source.bad == len(bad(source)) == 1197


def test_whoever_opens_a_source_at_the_same_time_waits_and_reads_the_same(folder: Path, cache: Path) -> None:
    path, told = write(folder / "captions.jsonl", *map(record, range(5))), []

    def ids(_: int) -> list[str | int]:
        source = open_source(path, cache=cache, device="cpu", progress=lambda what, done: told.append(what))
        return [source[number].id for number in range(len(source))]

    with ThreadPoolExecutor(3) as pool:
        assert list(pool.map(ids, range(3))) == [[f"r{number}" for number in range(5)]] * 3
    assert told == ["extract"]


def test_a_changed_file_is_read_again_and_an_old_source_says_so(folder: Path, cache: Path) -> None:
    path = write(folder / "events.jsonl", events(0), events(1))
    old = open_source(path, cache=cache)
    write(path, events(2))
    assert open_source(path, cache=cache)[0].id == "r2"
    with pytest.raises(InputError, match="has changed"):
        old[0]
    write(path, events(3))  # of the same size
    os.utime(path, ns=(0, 1))
    assert open_source(path, cache=cache)[0].id == "r3"


def test_the_cache_is_another_for_another_ontology(folder: Path, cache: Path) -> None:
    row = events(0)
    row["events"][0]["type"] = "arrest"
    path = write(folder / "events.jsonl", row, events(1))
    assert [len(open_source(path, cache=cache, ontology=name)) for name in ("news", "open", "news")] == [1, 2, 1]


def test_the_events_of_one_record_are_one_item(folder: Path, cache: Path) -> None:
    rows = [pair("a", "e0"), pair("a", "e1"), pair(None, "e0"), pair("b", "e0"), pair(None, "e0"), pair("a", "e2")]
    source = open_source(write(folder / "d.jsonl", *rows[:3], "{broken", *rows[3:]), cache=cache)
    assert (source.kind, source.bad) == ("descriptions", 1)
    items = [source[number] for number in range(len(source))]
    assert [item.id for item in items] == ["a", 1, "b", 3]
    assert [item.record for item in items] == [[rows[0], rows[1], rows[5]], [rows[2]], [rows[3]], [rows[4]]]
    assert shades(source) == [1, 1, 1, 1]


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("{broken", "not JSON"),
        ("[1]", "list"),
        (record(1), "events"),
        (pair("r9", "e0"), "caption"),
        (events(1, caption="Other words."), "caption has"),
        (events(0), "earlier line"),
        ({"captions": ["a"], "events": []}, "beside events"),
        (events(1, salient="e7"), "e7"),
    ],
)
def test_a_line_that_cannot_be_used_is_listed_and_its_neighbours_stay(folder, cache, row, said) -> None:
    path = write(folder / "events.jsonl", events(0), row, events(2))
    source = open_source(path, cache=cache, kind="events")
    assert [source[0].id, source[1].id] == ["r0", "r2"]
    assert source.bad == 1
    assert bad(source)[0]["line"] == 2
    assert said in bad(source)[0]["reason"]
    for _ in range(2):  # from the cache too
        with pytest.raises(InputError, match=r"events\.jsonl: line 2: "):
            open_source(path, cache=cache, kind="events", strict=True)


@pytest.mark.parametrize(("change", "where"), [({"pairs": 3}, "pairs"), ({"event": None}, "event"), ({"id": []}, "id")])
def test_a_description_that_cannot_be_used_is_listed_with_its_field(folder, cache, change, where) -> None:
    source = open_source(write(folder / "d.jsonl", pair("a", "e0"), pair("b", "e0") | change), cache=cache)
    assert len(source) == 1
    assert bad(source)[0]["reason"].startswith(where)


def test_a_picture_that_cannot_be_had_is_returned_and_not_raised(folder: Path, cache: Path) -> None:
    images = ["images/0.jpg", "../outside.jpg", "https://example.org/a.jpg", "images/gone.jpg", None]
    rows = [events(number, image=image) for number, image in enumerate(images)]
    source = open_source(write(folder / "events.jsonl", *rows), cache=cache)
    found = [load(source[number].picture, 8, source[number].place) for number in range(5)]
    reasons = [one.reason if isinstance(one, PictureError) else "" for one in found]
    for reason, said in zip(reasons, ["", "outside", "download", "no such file", "expected a path"], strict=True):
        assert said in reason


def test_pictures_may_lie_in_a_folder_of_their_own(folder: Path, cache: Path, tmp_path: Path) -> None:
    path = write(tmp_path / "events.jsonl", events(2, image="2.jpg"), events(3, image=str(folder / "images" / "3.jpg")))
    assert shades(open_source(path, cache=cache, images=folder / "images")) == [2, 3]
    with pytest.raises(InputError, match="no such folder"):
        open_source(path, cache=cache, images=folder / "none")


def saved(folder: Path, form: str) -> Path:
    """Pictures 0 to 2 in a data set."""
    pictures = [{"bytes": picture(number), "path": "same-name.jpg"} for number in range(3)]
    if form == "paths":
        datasets.Dataset.from_dict(
            {"image": [f"images/{number}.jpg" for number in range(3)], "text": CAPTIONS[:3]}
        ).save_to_disk(folder / "set")
        return folder / "set"
    if form == "image folder":
        write(
            folder / "images" / "metadata.jsonl",
            *({"file_name": f"{number}.jpg", "text": CAPTIONS[number]} for number in range(5)),
        )
        return folder / "images"
    data = datasets.Dataset.from_dict({"image": pictures, "sentence": CAPTIONS[:3]})
    data = data.cast_column("image", datasets.Image())
    if form == "parquet":
        data.to_parquet(folder / "set.parquet")
        return folder / "set.parquet"
    data.save_to_disk(folder / "set")
    return folder / "set"


@pytest.mark.parametrize("form", ["pictures", "paths", "image folder", "parquet"])
def test_a_data_set_is_read_as_its_captions_and_pictures(
    news: EventExtractor, folder: Path, cache: Path, form: str
) -> None:
    source = open_source(saved(folder, form), cache=cache, images=folder, device="cpu")
    assert source.kind == "dataset"
    assert shades(source) == [0, 1, 2, 3, 4][: len(source)]
    for number, row in enumerate(news.extract(CAPTIONS[: len(source)])):
        found = source[number].record
        assert isinstance(found, CaptionEvents)
        assert found.caption == CAPTIONS[number]
        assert found.events == CaptionEvents.model_validate(row).events
        assert not hasattr(found, "picture")


def test_a_data_sets_own_events_are_kept_without_the_nulls_of_other_rows(folder: Path, cache: Path) -> None:
    rows = [events(number) for number in range(3)]
    rows[0]["events"][0]["arguments"] = [{"role": "Agent", "text": "Police", "start": 0, "end": 6}]
    rows[1]["events"][0]["score"] = 0.5
    for number, row in enumerate(rows):
        row["image"] = {"bytes": picture(number), "path": None}
    rows[2] = {key: value for key, value in rows[2].items() if key not in ("events", "salient")}
    data = datasets.Dataset.from_list(rows).cast_column("image", datasets.Image())
    datasets.DatasetDict({"train": data, "test": data.select([1])}).save_to_disk(folder / "set")
    source = open_source(folder / "set", cache=cache, split="train")
    assert [source[number].record for number in range(2)] == [
        CaptionEvents.model_validate(row | {"image": f"row {number}"}) for number, row in enumerate(rows[:2])
    ]
    assert [(one["line"], one["id"]) for one in bad(source)] == [(3, "r2")]
    assert shades(source) == [0, 1]
    assert len(open_source(folder / "set", cache=cache, split="test")) == 1
    with pytest.raises(InputError, match="train, test"):
        open_source(folder / "set", cache=cache)
    with pytest.raises(InputError, match=r"'photo'.*the columns are"):
        open_source(folder / "set", cache=cache, split="train", image="photo")


def test_shards_are_read_in_order_and_odd_members_are_listed(news: EventExtractor, folder: Path, cache: Path) -> None:
    first = {"0.jpg": picture(0), "0.txt": CAPTIONS[0], "0.json": "{}", "x/1.PNG": picture(1, "PNG")}
    tar(folder / "000000.tar", **first, **{"x/1.json": json.dumps({"caption": CAPTIONS[1], "id": 7, "url": "u"})})
    second = {"0.txt": CAPTIONS[2], "0.webp": picture(2, "WEBP"), "alone.jpg": picture(3), "words.txt": "No picture."}
    broken = {"b.jpg": picture(0), "b.json": "{", "two.jpg": picture(0), "two.png": picture(0), "two.txt": "Two."}
    tar(folder / "000001.tar", **second, **broken, **{"._0.jpg": b"", "0.cls": "3"})
    source = open_source(str(folder / "{000000..000001}.tar"), cache=cache, device="cpu")
    assert source.kind == "shards"
    assert [source[number].id for number in range(len(source))] == ["000000/0", 7, "000001/0"]
    assert [source[number].place for number in (1, 2)] == ["000000.tar/x/1.PNG", "000001.tar/0.webp"]
    assert shades(source) == [0, 1, 2]
    for number, row in enumerate(news.extract(CAPTIONS[:3])):
        assert source[number].record.events == CaptionEvents.model_validate(row).events
    reasons = {one["line"]: one["reason"] for one in bad(source)}
    assert list(reasons) == [4, 5, 6, 7]
    for reason, said in zip(reasons.values(), ["alone: no caption", "words: no picture", "b: ", "two"], strict=True):
        assert said in reason
    assert len(open_source(folder, cache=cache, kind="shards")) == 3

    os.truncate(folder / "000001.tar", 600)
    found = source[2].picture
    assert isinstance(found, PictureError)
    assert "cut short" in found.reason


def test_events_in_shards_are_kept(folder: Path, cache: Path) -> None:
    path = tar(folder / "s.tar", **{"a.jpg": picture(4), "a.json": json.dumps(events(4)), "b.jpg": b"", "b.txt": "B."})
    source = open_source(path, cache=cache)
    assert source.record(0) == CaptionEvents.model_validate(events(4) | {"image": "s.tar/a.jpg"})
    assert shades(source) == [4]
    assert "events" in bad(source)[0]["reason"]


def test_names_of_shards(folder: Path) -> None:
    for name in ("a-08.tar", "a-09.tar", "a-10.tar", "b.tar"):
        tar(folder / name)
    names = {
        "a-{08..10}.tar": "a-08.tar a-09.tar a-10.tar",
        "{b,a-{08..09}}.tar": None,
        "{b,a-09}.tar": "b.tar a-09.tar",
        "a*.tar": "a-08.tar a-09.tar a-10.tar",
        f"b.tar::{folder}/a-10.tar": "b.tar a-10.tar",
        "a-{10..11}.tar": None,
    }
    for name, expected in names.items():
        if expected is None:
            with pytest.raises(InputError, match="no such shard"):
                expand(f"{folder}/{name}")
        else:
            assert [path.name for path in expand(f"{folder}/{name}")] == expected.split()
    assert [path.name for path in expand([folder / "b.tar", str(folder / "a-08.tar")])] == ["b.tar", "a-08.tar"]


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("none.jsonl", None, "no such file"),
        ("none-{0..3}.tar", None, "no such shard"),
        ("s3://bucket/0.tar", None, "download"),
        ("someone/dataset", None, "no such file"),
        ("empty.jsonl", b"", "is empty"),
        ("empty.csv", b"caption\n", "no record"),
        ("empty.tar", b"\0" * 10240, "no record"),
        ("odd.jsonl", b'{"text": "a"}\n', "'caption', 'events' or 'pairs'"),
        ("bad.jsonl", b'{"events": [], "caption": ""}\n', "no record.*1 that cannot"),
        (
            "mixed.jsonl",
            b'{"caption": "a"}\n{"caption": "a", "events": []}\n',
            r"captions \(line 1\) and events \(line 2",
        ),
        ("cut.jsonl.gz", gzip.compress(b'{"caption": "a"}\n' * 9, mtime=0)[:-9], "broken gzip"),
        ("text.tar", b"text", "not a tar"),
        ("packed.tar", gzip.compress(b"\0" * 10240, mtime=0), "not compressed"),
        ("broken.parquet", b"PAR1", "not a Parquet"),
        ("notes.txt", b"a", "unknown ending"),
    ],
)
def test_what_is_no_source_is_refused_by_name(tmp_path: Path, cache: Path, name: str, content, said: str) -> None:
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InputError, match=said):
        open_source(name if "//" in name else str(path), cache=cache)


def test_a_folder_that_is_no_data_set_and_an_unknown_kind_are_refused(tmp_path: Path, cache: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="not a data set"):
        open_source(tmp_path / "empty", cache=cache)
    with pytest.raises(InputError, match="inside the data set"):
        open_source(tmp_path / "empty", cache=tmp_path / "empty" / "cache")
    with pytest.raises(InputError, match="'poems' is no kind"):
        open_source(tmp_path / "empty", cache=cache, kind="poems")
    with pytest.raises(InputError, match="only shards may be several"):
        open_source(["a.jsonl", "b.jsonl"], cache=cache, kind="events")


class Shades(Dataset[list[list[object]]]):
    """Number, id and grey of each item, decoded in a worker."""

    def __init__(self, *sources: Source) -> None:
        self.sources = sources

    def __len__(self) -> int:
        return len(self.sources[0])

    def __getitem__(self, number: int) -> list[list[object]]:
        items = [source[number] for source in self.sources]
        return [[item.number, item.id, load(item.picture, 8).getpixel((4, 4))[0]] for item in items]


def test_workers_read_what_this_process_reads(folder: Path, cache: Path) -> None:
    rows = [events(number) for number in range(3)]
    lines = open_source(write(folder / "events.jsonl", *rows), cache=cache)
    members = {
        f"{number}.{ending}": content
        for number, row in enumerate(rows)
        for ending, content in (("jpg", picture(number)), ("json", json.dumps(row)))
    }
    shards = open_source(tar(folder / "s.tar", **members), cache=cache)
    table = datasets.Dataset.from_list([row | {"image": {"bytes": picture(n)}} for n, row in enumerate(rows)])
    table.cast_column("image", datasets.Image()).save_to_disk(folder / "set")
    data = Shades(lines, shards, open_source(folder / "set", cache=cache))
    assert len(pickle.dumps(lines)) < 2000
    expected = [data[number] for number in range(3)]
    assert [[row[2] for row in rows] for rows in expected] == [[shade(number)] * 3 for number in range(3)]
    for how in ("fork", "spawn"):
        loader = DataLoader(data, batch_size=None, num_workers=2, multiprocessing_context=how)
        assert list(loader) == expected, how
