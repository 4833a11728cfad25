"""`clip-event describe`, run as a user runs it, and CLIP's token count against open_clip's own tokenizer."""

import io
import json
import sys
from functools import cache
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from clip_event.cli import app
from clip_event.towers.tokens import Remembering, count

ARREST = {
    "id": "a",
    "image": "a.jpg",
    "caption": "FILE - Police arrest a protester in Kyiv.",
    "events": [
        {
            "id": "e0",
            "type": "Justice:Arrest-Jail",
            "trigger": {"text": "arrest", "start": 14, "end": 20},
            "arguments": [
                {"role": "Agent", "text": "Police", "start": 7, "end": 13, "entity": "person"},
                {"role": "Person", "text": "protester", "start": 23, "end": 32, "entity": "person"},
                {"role": "Place", "text": "Kyiv", "start": 36, "end": 40, "entity": "place"},
            ],
        }
    ],
    "salient": "e0",
}
SPEECH = {
    "id": "b",
    "caption": "A nurse speaks to farmers in Lima.",
    "events": [
        {
            "id": "e0",
            "type": "Contact:Speech",
            "trigger": {"text": "speaks", "start": 8, "end": 14},
            "arguments": [
                {"role": "Speaker", "text": "nurse", "start": 2, "end": 7, "entity": "person"},
                {"role": "Audience", "text": "farmers", "start": 18, "end": 25, "entity": "person"},
                {"role": "Place", "text": "Lima", "start": 29, "end": 33, "entity": "place"},
            ],
        }
    ],
    "salient": None,
}


def write(path: Path, *records: object) -> Path:
    path.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")
    return path


def run(*arguments: object, stdin: str | None = None):
    return CliRunner().invoke(app, ["describe", *map(str, arguments)], input=stdin)


def rows(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_each_event_gives_a_line_with_its_positives(tmp_path: Path) -> None:
    out = tmp_path / "out.jsonl"
    result = run(write(tmp_path / "in.jsonl", ARREST, SPEECH), "-o", out, "--styles", "sentence,caption,type")
    assert result.exit_code == 0, result.output
    first, second = rows(out)
    assert (first["id"], first["image"], first["event"]["id"]) == ("a", "a.jpg", "e0")
    assert {pair["style"]: pair["positive"] for pair in first["pairs"]} == {
        "sentence": "Police arrest a protester in Kyiv.",
        "caption": "Police arrest a protester in Kyiv.",
        "type": "A photo of arresting someone.",
    }
    assert second["pairs"][0]["positive"] == "A nurse speaks to farmers in Lima."


def test_a_role_negative_exchanges_the_two_people(tmp_path: Path) -> None:
    out = tmp_path / "out.jsonl"
    run(write(tmp_path / "in.jsonl", SPEECH), "-o", out, "--styles", "sentence", "--negatives", "role=2")
    (negative,) = rows(out)[0]["pairs"][0]["negatives"]
    assert (negative["kind"], negative["text"]) == ("role", "Farmers speak to a nurse in Lima.")


def test_only_the_salient_event_where_that_is_asked(tmp_path: Path) -> None:
    out = tmp_path / "out.jsonl"
    run(write(tmp_path / "in.jsonl", ARREST, SPEECH), "-o", out, "--salient-only")
    assert [row["id"] for row in rows(out)] == ["a"]


def test_bad_records_are_listed_and_do_not_stop_the_run(tmp_path: Path) -> None:
    source, out = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    strange = {**SPEECH, "id": "c", "events": [{**SPEECH["events"][0], "type": "No:Such"}]}
    shifted = {**SPEECH, "id": "d", "caption": "x" + SPEECH["caption"]}
    write(source, ARREST, strange, shifted, {"id": "e", "caption": "No events key."})
    with source.open("a", encoding="utf-8") as lines:
        lines.write("{broken\n")
    assert run(source, "-o", out).exit_code == 0
    assert [row["id"] for row in rows(out)] == ["a"]
    bad = rows(tmp_path / "out.errors.jsonl")
    assert [fault["line"] for fault in bad] == [2, 3, 4, 5]
    assert "No:Such" in bad[0]["reason"]


def test_strict_stops_at_the_first_bad_record_and_leaves_no_file(tmp_path: Path) -> None:
    out = tmp_path / "out.jsonl"
    result = run(write(tmp_path / "in.jsonl", ARREST, {"caption": 3}), "-o", out, "--strict")
    assert result.exit_code == 1
    assert "line 2" in result.output
    assert [path.name for path in tmp_path.iterdir()] == ["in.jsonl"]


def test_standard_input_gives_what_the_file_gives(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source, out, piped = write(tmp_path / "in.jsonl", ARREST, SPEECH), tmp_path / "out.jsonl", tmp_path / "piped.jsonl"
    run(source, "-o", out)
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(source.read_bytes())))
    assert run("-", "-o", piped, stdin=source.read_text(encoding="utf-8")).exit_code == 0
    assert piped.read_bytes() == out.read_bytes()


def test_given_texts_are_said_and_made_false_by_their_words(tmp_path: Path) -> None:
    texts = write(tmp_path / "texts.jsonl", {"id": "b", "event": "e0", "text": "We see a nurse before farmers."})
    out = tmp_path / "out.jsonl"
    source = write(tmp_path / "in.jsonl", SPEECH)
    run(source, "-o", out, "--styles", "given", "--given", texts, "--negatives", "role=1")
    (pair,) = rows(out)[0]["pairs"]
    assert pair["positive"] == "We see a nurse before farmers."
    assert [negative["text"] for negative in pair["negatives"]] == ["We see farmers before a nurse."]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--styles", "poem"], "'poem' is no style"),
        (["--negatives", "lie=1"], "'lie' is no kind of negative"),
        (["--negatives", "event"], "expected KIND=NUMBER"),
        (["--styles", "given"], "--given"),
    ],
)
def test_a_wrong_option_is_one_line_that_says_what_was_found(tmp_path: Path, options: list[str], said: str) -> None:
    result = run(write(tmp_path / "in.jsonl", ARREST), *options)
    assert result.exit_code == 1
    assert said in result.output
    assert "Traceback" not in result.output


@cache
def clips_own():
    from open_clip.tokenizer import SimpleTokenizer

    return SimpleTokenizer()


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=120))
def test_the_token_count_is_open_clips(text: str) -> None:
    tokenizer = clips_own()
    assert count(text) == 2 + len(tokenizer.encode(text))


@settings(max_examples=60, deadline=None)
@given(st.lists(st.text(max_size=200), min_size=1, max_size=4))
def test_remembered_tokens_are_open_clips(texts: list[str]) -> None:
    tokenizer = clips_own()
    texts += [*texts, "A man holds a sign. " * 30, " ".join(texts)]
    assert Remembering.fits(tokenizer)
    assert Remembering(tokenizer)(texts).tolist() == tokenizer(texts).tolist()
    assert Remembering(tokenizer)(texts, 16).tolist() == tokenizer(texts, 16).tolist()


def test_tokenizers_that_work_otherwise_are_not_remembered() -> None:
    from open_clip.tokenizer import SigLipTokenizer, SimpleTokenizer

    assert not Remembering.fits(SimpleTokenizer(clean="canonicalize"))
    assert not Remembering.fits(SimpleTokenizer(reduction_mask="simple"))
    assert not Remembering.fits(object.__new__(SigLipTokenizer))


def test_the_token_count_of_a_caption_is_open_clips() -> None:
    import open_clip

    text = "Riot police detain a protester in Tirana, Albania; 12 people weren't hurt."
    row = open_clip.get_tokenizer("ViT-B-32")([text])[0]
    assert count(text) == int((row != 0).sum())
