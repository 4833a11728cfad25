"""Captions from files: what can be used comes out, what cannot becomes a `Bad` with its line, nothing is raised."""

import csv
import gzip
import io
import json
import subprocess
import sys

import pyarrow
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyarrow import parquet

from extraction.records import LONGEST_LINE, MOST_CHARACTERS, Bad, InputError, read_rows

FIRST, LAST = {"id": "first", "caption": "Police arrest a man."}, {"id": "last", "caption": "Rain."}
BROKEN = {
    "broken JSON": (b'{"caption": "a"', "JSON"),
    "two objects": (b'{"caption": "a"} {"caption": "b"}', "JSON"),
    "NUL byte": (b"\0", "JSON"),
    "NaN": (b'{"caption": "a", "x": NaN}', "NaN"),
    "minus infinity": (b'{"caption": "a", "x": -Infinity}', "Infinity"),
    "a number too long to read": (b'{"caption": "a", "x": ' + b"9" * 5000 + b"}", "JSON"),
    "deep nesting": (b"[" * 200_000, "JSON"),
    "deep and closed": (b'{"caption": "a", "x": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", "JSON"),
    "bad UTF-8": (b'{"caption": "caf\xe9"}', "UTF-8"),
    "a list": (b'[{"caption": "a"}]', "list"),
    "a string": (b'"a"', "string"),
    "null": (b"null", "null"),
    "no caption": (b'{"text": "a"}', "text"),
    "no keys": (b"{}", "caption"),
    "caption a number": (b'{"caption": 5}', "number"),
    "caption null": (b'{"caption": null}', "null"),
    "caption a list": (b'{"caption": ["a"]}', "list"),
    "captions a string": (b'{"captions": "a"}', "captions is a string, expected a list"),
    "no captions": (b'{"captions": []}', "captions is empty"),
    "captions with a number": (b'{"captions": [5]}', "caption is a number"),
    "empty": (b'{"caption": ""}', "empty"),
    "blank": ('{"caption": " \\t\\n\u00a0"}'.encode(), "empty"),
    "100,000 characters": (b'{"caption": "' + b"a" * 100_000 + b'"}', "100,000"),
    "NUL in the caption": (b'{"caption": "a\\u0000b"}', "NUL"),
    "half a surrogate": (b'{"caption": "a\\ud800b"}', "surrogate"),
    "half a surrogate in the id": (b'{"id": "\\ud800", "caption": "a"}', ""),
    "half a surrogate in a key, no caption": (b'{"\\ud800": "a"}', "caption"),
    "half a surrogate in another value": (b'{"caption": "a", "x": ["\\udfff"]}', ""),
    "half a surrogate in another key": (b'{"caption": "a", "x": {"\\udfff": 1}}', ""),
    "a number beyond every float": (b'{"caption": "a", "x": 1e999}', ""),
    "same id": (b'{"id": "first", "caption": "b"}', "first"),
    "id a list": (b'{"id": ["a"], "caption": "b"}', "list"),
    "id true": (b'{"id": true, "caption": "b"}', "true"),
}


def rows(path, data=None):
    if data is not None:
        path.write_bytes(data)
    return list(read_rows(path))


def lines(*records):
    return b"".join(r if isinstance(r, bytes) else json.dumps(r).encode() + b"\n" for r in records)


@pytest.mark.parametrize(("line", "word"), BROKEN.values(), ids=BROKEN)
def test_a_bad_line_is_named_and_its_neighbours_survive(tmp_path, line, word):
    first, bad, last = rows(tmp_path / "in.jsonl", lines(FIRST, line + b"\n", LAST))
    assert (first, last) == ((1, FIRST), (3, LAST))
    assert bad[0] == 2
    assert isinstance(bad[1], Bad)
    assert bad[1].line == 2
    assert word in bad[1].reason
    assert json.loads(json.dumps(bad[1].to_dict(), ensure_ascii=False).encode())["line"] == 2


def test_a_line_of_over_16_mib_is_left_out(tmp_path):
    long = b'{"caption": "a", "x": "' + b"a" * 2 * LONGEST_LINE + b'"}\n'
    first, bad, last = rows(tmp_path / "in.jsonl", lines(FIRST, long, LAST))
    assert (first, last) == ((1, FIRST), (3, LAST))
    assert bad[1].line == 2


def test_the_longest_caption_and_other_keys_of_any_length_are_read(tmp_path):
    record = {"caption": "é" * MOST_CHARACTERS, "text": "a" * 1_000_000}
    assert rows(tmp_path / "in.jsonl", lines(record)) == [(1, record)]


def test_captions_are_one_record_each(tmp_path):
    one = {"id": "c", "image": "1.jpg", "captions": ["A man runs.", "", "A man walks."]}
    two = {"image": "2.jpg", "captions": ["Rain."]}
    both = {"id": "d", "caption": "Snow.", "captions": ["of another kind"]}
    found = rows(tmp_path / "in.jsonl", lines(one, two, both, one))
    assert [line for line, _ in found] == [1, 1, 1, 2, 3, 4, 4, 4]
    assert found[0][1] == {"id": "c#0", "image": "1.jpg", "caption": "A man runs."}
    assert found[1][1] == Bad(1, "caption is empty", "c#1")
    assert found[2][1] == {"id": "c#2", "image": "1.jpg", "caption": "A man walks."}
    assert [row for _, row in found[3:5]] == [{"image": "2.jpg", "caption": "Rain."}, both]
    assert found[5][1].reason == "id 'c#0' stands on an earlier line too"


def test_captions_of_a_parquet_file_are_one_record_each(tmp_path):
    path = tmp_path / "in.parquet"
    parquet.write_table(pyarrow.table({"id": [7], "captions": [["Rain.", "Snow."]]}), path)
    assert rows(path) == [(1, {"id": "7#0", "caption": "Rain."}), (1, {"id": "7#1", "caption": "Snow."})]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(junk=st.binary(max_size=60).filter(lambda data: b"\n" not in data))
def test_any_bytes_on_a_line_never_raise_and_never_hurt_a_neighbour(tmp_path, junk):
    found = rows(tmp_path / "in.jsonl", lines(FIRST, junk + b"\n", LAST))
    assert found[0] == (1, FIRST)
    assert found[-1] == (3, LAST)
    assert all(number == 2 and isinstance(row, dict | Bad) for number, row in found[1:-1])


@pytest.mark.parametrize("ids", [(1, "1"), (-1, -2), (0, 2**61 - 1), (None, None), ("", ""), ("a", "A")])
def test_records_with_different_or_no_ids_all_stay(tmp_path, ids):
    records = [{"id": name, "caption": "a"} for name in ids]
    assert rows(tmp_path / "in.jsonl", lines(*records)) == [(1, records[0]), (2, records[1])]


def test_byte_order_mark_blank_lines_and_windows_line_ends_are_skipped(tmp_path):
    data = b"\xef\xbb\xbf" + lines(FIRST) + b"\n  \t\r\n" + lines(LAST)[:-1] + b"\r\n"
    assert rows(tmp_path / "in.jsonl", data) == [(1, FIRST), (4, LAST)]


@pytest.mark.parametrize("data", [b"", b"\n\n", b"\xef\xbb\xbf"])
def test_an_empty_file_has_no_rows(tmp_path, data):
    assert rows(tmp_path / "in.jsonl", data) == []


@pytest.mark.parametrize(("ending", "delimiter"), [(".csv", ","), (".tsv", "\t")])
def test_cells_with_quotes_delimiters_and_newlines_come_out_as_written(tmp_path, ending, delimiter):
    captions = ['He said "go", twice.', "two\nlines", "Windows\r\nlines", "tab\there", "é 😀", "plain"]
    text = io.StringIO()
    csv.writer(text, delimiter=delimiter).writerows([("id", "caption"), *enumerate(captions)])
    found = rows(tmp_path / f"in{ending}", b"\xef\xbb\xbf" + text.getvalue().encode())
    assert [row for _, row in found] == [{"id": str(i), "caption": c} for i, c in enumerate(captions)]


@pytest.mark.parametrize(
    ("line", "word"),
    [(b"2,a,b,c", "too many"), (b"2,\xff", "UTF-8"), (b"2,", "empty"), (b"2", "caption"), (b"1,again", "1")],
)
def test_a_bad_csv_row_is_named_and_its_neighbours_survive(tmp_path, line, word):
    good, bad, last = rows(tmp_path / "in.csv", b"id,caption\n1,a\n" + line + b"\n3,c\n")
    assert (good, last) == ((2, {"id": "1", "caption": "a"}), (4, {"id": "3", "caption": "c"}))
    assert bad[0] == bad[1].line == 3
    assert word in bad[1].reason


def test_a_csv_cell_of_over_16_mib_is_left_out(tmp_path):
    found = rows(tmp_path / "in.csv", b"caption\na\n" + b"b" * (LONGEST_LINE + 1) + b"\nc\n")
    assert (found[0], found[2]) == ((2, {"caption": "a"}), (4, {"caption": "c"}))
    assert found[1][1].line == 3


@pytest.mark.parametrize("name", ["in.csv", "in.csv.gz", "in.parquet"])
def test_a_table_without_a_caption_column_is_refused_with_its_columns(tmp_path, name):
    path = tmp_path / name
    if path.suffix == ".parquet":
        parquet.write_table(pyarrow.table({"id": [1], "text": ["a"]}), path)
    else:
        path.write_bytes(gzip.compress(b"id,text\n1,a\n") if path.suffix == ".gz" else b"id,text\n1,a\n")
    with pytest.raises(InputError, match=r"caption.*id, text"):
        rows(path)


def test_a_csv_header_of_over_16_mib_is_refused(tmp_path):
    with pytest.raises(InputError):
        rows(tmp_path / "in.csv", b"a" * (LONGEST_LINE + 1) + b",caption\n1,b\n")


@pytest.mark.parametrize("pack", [gzip.compress, lambda data: gzip.compress(data[:9]) + gzip.compress(data[9:])])
def test_gzip_of_one_or_several_members_reads_like_the_plain_file(tmp_path, pack):
    data = lines(FIRST, b"{}\n", LAST)
    assert rows(tmp_path / "in.jsonl.gz", pack(data)) == rows(tmp_path / "in.jsonl", data)


PACKED = gzip.compress(lines(*({"caption": f"caption {7919 * i}"} for i in range(500))))


@pytest.mark.parametrize(
    "data",
    [PACKED[:-20], b"plain text", PACKED[:-8] + bytes(8), PACKED[:10] + b"\xff" * 40 + PACKED[50:]],
    ids=["cut short", "no gzip", "wrong checksum", "wrong bytes"],
)
def test_a_broken_gzip_file_is_an_input_error_that_names_it(tmp_path, data):
    with pytest.raises(InputError, match=r"in\.jsonl\.gz"):
        rows(tmp_path / "in.jsonl.gz", data)


def test_parquet_rows_are_numbered_across_batches(tmp_path):
    captions = [f"caption {i}" for i in range(1, 2501)]
    captions[2000] = None
    parquet.write_table(pyarrow.table({"id": range(2500), "caption": captions}), tmp_path / "in.parquet")
    found = rows(tmp_path / "in.parquet")
    assert [number for number, _ in found] == list(range(1, 2501))
    assert [bad.line for _, bad in found if isinstance(bad, Bad)] == [2001]
    assert found[2499][1] == {"id": 2499, "caption": "caption 2500"}


def test_a_parquet_row_that_is_not_utf8_is_left_out(tmp_path):
    broken = pyarrow.array([b"one", b"\xff", b"three"])
    text = pyarrow.Array.from_buffers(pyarrow.string(), 3, broken.buffers())
    parquet.write_table(pyarrow.table({"caption": text}), tmp_path / "in.parquet")
    assert [isinstance(row, Bad) for _, row in rows(tmp_path / "in.parquet")] == [False, True, False]


@pytest.mark.parametrize("data", [b"", b"PAR1", b"PAR1" * 100])
def test_a_broken_parquet_file_is_an_input_error(tmp_path, data):
    with pytest.raises(InputError, match=r"in\.parquet"):
        rows(tmp_path / "in.parquet", data)


PICTURES = [{"bytes": b"\x89PNG no picture", "path": "a.png"}, {"bytes": b"\x89PNG nor this", "path": "b.png"}]


@pytest.mark.parametrize("form", ["folder", "folder of parts", "parquet"])
def test_a_data_set_gives_its_rows_without_picture_bytes(tmp_path, form):
    import datasets

    features = datasets.Features({"caption": datasets.Value("string"), "image": datasets.Image()})
    data = datasets.Dataset.from_dict({"caption": ["one", "two"], "image": PICTURES}, features=features)
    if form == "parquet":
        data.to_parquet(tmp_path / "set.parquet")
    else:
        (datasets.DatasetDict({"test": data}) if form == "folder of parts" else data).save_to_disk(tmp_path / "set")
    found = rows(tmp_path / ("set.parquet" if form == "parquet" else "set"))
    assert found == [(1, {"caption": "one", "image": "a.png"}), (2, {"caption": "two", "image": "b.png"})]


@pytest.mark.parametrize("files", [(), ("dataset_info.json", "state.json")], ids=["empty", "not ours"])
def test_another_folder_is_an_input_error(tmp_path, files):
    for name in files:
        (tmp_path / name).write_text("{}")
    with pytest.raises(InputError):
        rows(tmp_path)


@pytest.mark.parametrize("name", ["none.jsonl", "in.txt", "in", "in.txt.gz"])
def test_a_missing_file_or_unknown_ending_is_an_input_error(tmp_path, name):
    if name != "none.jsonl":
        (tmp_path / name).write_bytes(b"{}")
    with pytest.raises(InputError, match=name):
        rows(tmp_path / name)


def test_standard_input_is_read_as_jsonl():
    code = "from extraction.records import *; [print(n, isinstance(row, Bad)) for n, row in read_rows('-')]"
    data = lines(FIRST, b"{\n", LAST)
    run = subprocess.run([sys.executable, "-c", code], input=data, stdout=subprocess.PIPE, check=True)
    assert run.stdout.decode().splitlines() == ["1 False", "2 True", "3 False"]
