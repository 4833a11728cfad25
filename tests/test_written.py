"""The output of a command is there whole or not at all, and so is the list of what could not be used."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from clip_event.written import written
from extraction.records import Bad, InputError

ROOT = Path(__file__).resolve().parent.parent


def rows(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_rows_and_faults_go_into_two_files(tmp_path: Path) -> None:
    out = tmp_path / "new" / "deep" / "a.jsonl"
    with written(out) as files:
        files.row({"text": "Kyïv \u2028 😀"})
        files.fault(Bad(3, "not JSON", "x"))
        files.fault({"image": "a.jpg", "reason": "gone"})
        files.row({"n": 2})
        assert not out.exists()
    assert out.read_bytes().count(b"\n") == 2
    assert [json.loads(line) for line in out.read_bytes().splitlines()] == [{"text": "Kyïv \u2028 😀"}, {"n": 2}]
    faults = [{"line": 3, "reason": "not JSON", "id": "x"}, {"image": "a.jpg", "reason": "gone"}]
    assert rows(out.with_name("a.errors.jsonl")) == faults
    assert files.bad == 2
    assert sorted(path.name for path in out.parent.iterdir()) == ["a.errors.jsonl", "a.jsonl"]


def test_an_older_list_of_faults_goes_where_there_are_none(tmp_path: Path) -> None:
    older = tmp_path / "a.errors.jsonl"
    older.write_text("older\n")
    with written(tmp_path / "a.jsonl"):
        pass
    assert [path.name for path in tmp_path.iterdir()] == ["a.jsonl"]
    assert (tmp_path / "a.jsonl").read_bytes() == b""


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, MemoryError])
def test_what_is_raised_in_the_middle_leaves_both_as_they_were(tmp_path: Path, error: type[BaseException]) -> None:
    for name in ("a.jsonl", "a.errors.jsonl"):
        (tmp_path / name).write_text("older\n")

    def stop() -> None:
        with written(tmp_path / "a.jsonl") as files:
            files.row({"n": 1})
            files.fault({"reason": "gone"})
            raise error

    with pytest.raises(error):
        stop()
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {
        "a.jsonl": "older\n",
        "a.errors.jsonl": "older\n",
    }


def test_a_killed_run_leaves_nothing_under_the_final_names(tmp_path: Path) -> None:
    code = f"""
from clip_event.written import written
with written({str(tmp_path / "a.jsonl")!r}) as files:
    for number in range(100_000):
        files.row({{"n": number}})
        files.fault({{"reason": "gone"}})
    print("written", flush=True)
    input()
"""
    command = [sys.executable, "-c", code]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
        assert process.stdout.readline() == "written\n"
        os.kill(process.pid, signal.SIGKILL)
    assert not {"a.jsonl", "a.errors.jsonl"} & {path.name for path in tmp_path.iterdir()}


def test_strict_stops_at_the_first_and_says_where(tmp_path: Path) -> None:
    found = [
        ({"file": "b.jsonl", "line": 3, "reason": "not JSON"}, "b.jsonl: line 3: not JSON"),
        (Bad(4, "empty"), "a.jsonl: line 4: empty"),
        ({"image": "x.jpg", "reason": "x.jpg: gone"}, "a.jsonl: x.jpg: gone"),
    ]
    for fault, said in found:
        with written(tmp_path / "o.jsonl", strict=True, source="a.jsonl") as files:
            files.row({"n": 1})
            with pytest.raises(InputError) as caught:
                files.fault(fault)
        assert str(caught.value) == said


def test_standard_output_has_no_list_of_faults_unless_one_is_named(tmp_path: Path, capsys, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    for errors in (None, "faults.jsonl"):
        with written("-", errors) as files:
            files.row({"n": 1})
            files.fault({"reason": "gone"})
        assert capsys.readouterr().out == '{"n": 1}\n'
        assert files.bad == 1
        assert [path.name for path in tmp_path.iterdir()] == ([errors] if errors else [])


def test_names_that_cannot_be_written_to_are_refused(tmp_path: Path) -> None:
    for out, errors, said in (
        (tmp_path, None, "is a folder"),
        (tmp_path / "a.jsonl", tmp_path, "is a folder"),
        (tmp_path / "a.jsonl", tmp_path / "." / "a.jsonl", "both output and errors"),
    ):
        with pytest.raises(InputError, match=said), written(out, errors):
            pass
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match="file"), written(tmp_path / "file" / "a.jsonl"):
        pass
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
