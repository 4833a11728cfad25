"""Which photographs a command is given: the order, what is skipped, what is counted, and how much is in memory."""

import gzip
import io
import json
import os
import tracemalloc
from itertools import islice
from pathlib import Path

import pytest
from asked import asked
from PIL import Image

from clip_event.pictures import folders
from clip_event.pictures.folders import Record, fault, find_pictures
from clip_event.pictures.reading import FORMATS, PictureError
from clip_event.zeroshot.stream import stream
from extraction.records import InputError


def touch(root: Path, *names: str) -> Path:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()
    return root


def keys(*sources: object, **options: object) -> list[object]:
    return [key for key, _ in find_pictures(sources, **options)]


def names(root: Path) -> list[str]:
    return [os.path.relpath(key, root) for key in keys(root)]


def errors(*sources: object, **options: object) -> dict[str, str]:
    found = find_pictures(sources, **options)
    return {str(key): one.reason for key, one in found if isinstance(one, PictureError)}


def test_a_folder_is_walked_in_depth_by_name_without_what_is_hidden(tmp_path: Path) -> None:
    given = ["b.jpg", "a/z.png", "a/b/c.jpg", "c.JPEG", "a.gif", "B.tif", ".hidden.jpg", ".git/x.jpg", "a/.DS_Store"]
    touch(tmp_path, *given, "notes.txt", "c.jpg.part", "d/captions.jsonl", "noending", "e.jpg/inside.webp")
    expected = ["B.tif", "a/b/c.jpg", "a/z.png", "a.gif", "b.jpg", "c.JPEG", "e.jpg/inside.webp"]
    assert names(tmp_path) == expected
    assert all(path == Path(key) for key, path in find_pictures([tmp_path]))
    assert keys(str(tmp_path)) == keys(tmp_path)


@pytest.mark.parametrize("form", FORMATS)
def test_every_format_is_found_by_its_usual_ending(tmp_path: Path, form: str) -> None:
    ending = {"JPEG": "jpg", "TIFF": "tif"}.get(form, form.lower())
    Image.new("RGB", (8, 8)).save(tmp_path / f"a.{ending}", form)
    (tmp_path / "b.pdf").write_bytes(b"%PDF")
    assert names(tmp_path) == [f"a.{ending}"]


@pytest.mark.parametrize("at_a_time", [1, 2, 3, 7, 8])
def test_a_folder_larger_than_what_is_held_is_walked_in_the_same_order(tmp_path, monkeypatch, at_a_time) -> None:
    touch(tmp_path, *(f"{name}.jpg" for name in "gacebd"), "f/y.jpg", "f/x.jpg")
    monkeypatch.setattr(folders, "AT_A_TIME", at_a_time)
    assert names(tmp_path) == ["a.jpg", "b.jpg", "c.jpg", "d.jpg", "e.jpg", "f/x.jpg", "f/y.jpg", "g.jpg"]


def test_the_names_of_a_large_folder_are_not_all_in_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(6000):
        os.close(os.open(tmp_path / f"{number:0100}.jpg", os.O_CREAT))
    monkeypatch.setattr(folders, "AT_A_TIME", 500)
    tracemalloc.start()
    try:
        assert sum(1 for _ in find_pictures([tmp_path])) == 6000
        assert tracemalloc.get_traced_memory()[1] < 500_000  # 6,000 names of 150 bytes are 900 kB
    finally:
        tracemalloc.stop()


def test_what_is_not_there_is_told_before_anything_is_looked_at(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="gone: no such file or folder"):
        next(find_pictures([touch(tmp_path, "1.jpg"), "-", tmp_path / "gone"]))


def test_a_folder_is_looked_into_only_when_its_turn_comes(tmp_path: Path) -> None:
    touch(tmp_path, "a/1.jpg", "a/2.jpg", "b/3.jpg")
    found = find_pictures([tmp_path])
    assert [key for key, _ in islice(found, 2)] == [str(tmp_path / "a" / name) for name in ("1.jpg", "2.jpg")]
    touch(tmp_path, "b/4.jpg")
    assert [os.path.basename(key) for key, _ in islice(found, 2)] == ["3.jpg", "4.jpg"]


def test_links_are_no_trap_and_what_leaves_the_folder_is_counted(tmp_path: Path) -> None:
    root = touch(tmp_path / "root", "a/1.jpg", ".store/blob", "b/2.jpg")
    touch(tmp_path / "other", "secret.jpg")
    (root / "a" / "up").symlink_to(root)
    (root / "a" / "across").symlink_to(root / "b")
    (root / "b" / "across").symlink_to(root / "a")
    (root / "b" / "circle.jpg").symlink_to(root / "b" / "circle.jpg")
    (root / "stored.jpg").symlink_to(root / ".store" / "blob")
    (root / "out").symlink_to(tmp_path / "other")
    (root / "out.jpg").symlink_to(tmp_path / "other" / "secret.jpg")
    assert names(root) == ["a/1.jpg", "b/2.jpg", "b/circle.jpg", "out", "out.jpg", "stored.jpg"]
    found = {os.path.relpath(key, root): reason for key, reason in errors(root).items()}
    assert set(found) == {"b/circle.jpg", "out", "out.jpg"}
    assert "outside" in found["out"]
    assert "outside" in found["out.jpg"]
    named = root / "a" / "up" / "b"  # through a link, but asked for
    assert names(named) == ["2.jpg", "across", "circle.jpg"]
    assert "outside" in errors(named)[str(named / "across")]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may open every folder")
def test_a_folder_that_may_not_be_opened_is_counted(tmp_path: Path) -> None:
    touch(tmp_path, "a/1.jpg", "b/2.jpg")
    (tmp_path / "a").chmod(0)
    assert list(errors(tmp_path)) == [str(tmp_path / "a")]
    assert names(tmp_path) == ["a", "b/2.jpg"]


def test_a_folder_that_goes_away_is_counted_and_the_others_stay(tmp_path: Path) -> None:
    touch(tmp_path, "a/1.jpg", "b/2.jpg", "c/3.jpg")
    found = find_pictures([tmp_path])
    next(found)
    (tmp_path / "b" / "2.jpg").unlink()
    (tmp_path / "b").rmdir()
    rest = dict(found)
    assert rest[str(tmp_path / "b")].reason == "No such file or directory"
    assert rest[str(tmp_path / "c" / "3.jpg")] == tmp_path / "c" / "3.jpg"


def test_a_name_that_is_no_text_has_a_key_that_can_be_written(tmp_path: Path) -> None:
    with open(os.path.join(os.fsencode(tmp_path), b"caf\xe9.png"), "wb") as out:
        Image.new("RGB", (9, 9)).save(out, "PNG")
    (part,) = stream(asked(), find_pictures([tmp_path]))
    assert part.keys == [f"{tmp_path}/caf\\xe9.png"]
    json.dumps(part.keys, ensure_ascii=False).encode()


RECORDS = [{"image": "in/a.jpg", "id": 7, "more": [1]}, {"image": "../x.jpg"}, {"id": 8}, {"image": 3}, [1], "no"]
RECORDS += [{"image": "a.jpg", "id": "\ud83d"}]  # half an emoji


def lines(*rows: object) -> bytes:
    return "".join(json.dumps(row) + "\n" for row in rows).encode() + b"{broken\n"


@pytest.mark.parametrize("ending", ["jsonl", "ndjson", "jsonl.gz", "JSONL"])
def test_records_travel_along_and_bad_ones_are_counted(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"a.{ending}"
    path.write_bytes(gzip.compress(lines(*RECORDS)) if ending.endswith("gz") else lines(*RECORDS))
    found = list(find_pictures([path]))
    assert found[0] == (RECORDS[0], tmp_path.resolve() / "in" / "a.jpg")
    assert [key for key, _ in found] == [*RECORDS[:4], {}, {}, {}, {}]
    assert [(key.file, key.line) for key, _ in found] == [(str(path), number) for number in range(1, 9)]
    assert [str(one.place) for _, one in found[2:]] == [f"{path}:{number}" for number in (3, 4, 5, 6, 7, 8)]
    reasons = ["outside", "NoneType", "int", "object", "object", "half a surrogate", "not JSON"]
    for (_, one), reason in zip(found[1:], reasons, strict=True):
        assert reason in one.reason


def test_standard_input_and_the_folder_of_images(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for options, base in (({}, tmp_path), ({"images": tmp_path / "deep"}, tmp_path / "deep")):
        monkeypatch.chdir(tmp_path)
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(lines(RECORDS[0]))))
        found = list(find_pictures(["-"], **options))
        assert found[0] == (RECORDS[0], base.resolve() / "in" / "a.jpg")
        assert found[1][0].place == "standard input:2"


def test_faults_say_where_and_why() -> None:
    record = Record({"id": 7, "image": "a.jpg", "more": 1}, "a.jsonl", 3)
    broken = {"file": "a.jsonl", "line": 3, "reason": "not JSON"}
    assert fault(Record({}, "a.jsonl", 3), PictureError("a.jsonl:3", "not JSON")) == broken
    named = {"file": "a.jsonl", "line": 3, "id": 7, "image": "a.jpg"}
    assert fault(record, PictureError("/in/a.jpg", "no such file")) == named | {"reason": "/in/a.jpg: no such file"}
    assert fault("b.jpg", PictureError("b.jpg", "is no file")) == {"image": "b.jpg", "reason": "b.jpg: is no file"}


def test_files_folders_and_records_in_the_order_given(tmp_path: Path) -> None:
    touch(tmp_path, "b/1.jpg", "a.jpg", "odd.heic", "also/.hidden.jpg")
    (tmp_path / "r.jsonl").write_bytes(json.dumps({"image": "b/1.jpg"}).encode())
    sources = [tmp_path / name for name in ("odd.heic", "r.jsonl", "b", "a.jpg", "also/.hidden.jpg")]
    expected = [sources[0], {"image": "b/1.jpg"}, tmp_path / "b/1.jpg", *sources[3:]]
    assert keys(*sources) == [one if isinstance(one, dict) else str(one) for one in expected]


def test_a_broken_archive_is_an_error_that_names_it(tmp_path: Path) -> None:
    whole = gzip.compress(lines(*RECORDS))
    for data in (whole[:-20], b"no gzip"):
        (tmp_path / "a.jsonl.gz").write_bytes(data)
        with pytest.raises(InputError, match=r"a.jsonl.gz: broken gzip"):
            list(find_pictures([tmp_path / "a.jsonl.gz"]))
