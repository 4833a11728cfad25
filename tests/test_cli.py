"""The command line: help with examples, JSON that parses, one line on standard error for what a user can mend."""

import json
import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from clip_event.cli import app

ROOT = Path(__file__).resolve().parent.parent
KITCHEN = """
name = "kitchen"
[events."Kitchen:Cook"]
gerund = "cooking"
sentences = ["{Cook} <cook> {Dish}", "cooking"]
triggers = [{ lemmas = ["cook"] }]
[events."Kitchen:Cook".roles]
Cook = { kinds = ["person"], labels = ["Agent"] }
Dish = { kinds = ["object", "substance"], labels = ["Theme"] }
[events."Kitchen:Wash"]
gerund = "washing up"
sentences = ["{Helper} <wash> up", "washing up"]
triggers = [{ lemmas = ["wash up"] }]
[events."Kitchen:Wash".roles]
Helper = { kinds = ["person"], labels = ["Agent"] }
"""


def process(*arguments, data=None, code="from clip_event.cli import run; run()"):
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "200"}
    command = [sys.executable, "-c", code, *map(str, arguments)]
    return subprocess.run(command, env=environment, input=data, capture_output=True, text=True, encoding="utf-8")


def invoke(*arguments):
    return CliRunner(env={"COLUMNS": "200"}).invoke(app, [str(argument) for argument in arguments])


def commands(group=None, words=()):
    group = group or typer.main.get_command(app)
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from commands(command, (*words, name))
        else:
            yield (*words, name)


def write(path, *records):
    path.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")
    return path


@pytest.mark.parametrize("words", [*commands()], ids=" ".join)
def test_every_command_has_help_with_an_example_of_itself(words):
    result = invoke(*words, "--help")
    assert result.exit_code == 0
    assert f"Example: clip-event {' '.join(words)}" in " ".join(result.stdout.replace("`", "").split())


@pytest.mark.parametrize("words", [(), ("ontology",), ("evaluate",)], ids=["clip-event", "ontology", "evaluate"])
def test_a_group_without_a_command_lists_its_commands(words):
    result = invoke(*words, "--help")
    assert result.exit_code == 0
    for command in commands():
        assert command[: len(words)] != words or command[len(words)] in result.stdout


def test_help_loads_nothing_heavy():
    code = """
import sys
from clip_event.cli import run
heavy = ["torch", "spacy", "pydantic", "numpy", "networkx", "pyarrow", "datasets", "templates.ontology", "tokenizers"]
try:
    run(["--help"])
finally:
    print([name for name in heavy if name in sys.modules])
"""
    result = process(code=code)
    assert "Usage" in result.stdout
    assert result.stdout.splitlines()[-1] == "[]"


def test_the_version_is_the_one_of_the_package():
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert invoke("--version").stdout == f"clip-event {version}\n"


def test_extract_from_standard_input_to_standard_output_is_jsonl():
    good = [{"id": 1, "caption": "Police arrest a man in Kabul.", "x": "é 😀"}, {"caption": "Rain.", "id": "last"}]
    data = json.dumps(good[0]) + "\nno JSON\n\n" + json.dumps(good[1]) + "\n"
    result = process("extract", "-", "--device", "cpu", data=data)
    assert result.returncode == 0
    found = [json.loads(line) for line in result.stdout.splitlines()]
    assert [{key: record[key] for key in before} for record, before in zip(found, good, strict=True)] == good
    assert found[0]["events"][0]["type"] == "Justice:Arrest-Jail"
    assert found[0]["salient"] == found[0]["events"][0]["id"]
    assert "Justice:Arrest-Jail" in result.stderr
    assert "2 captions" in result.stderr
    assert "1 bad record" in result.stderr


CAPTION = "Police arrest a man while rebels attack."


def event(id_, type_, trigger, **roles):
    def span(text):
        start = CAPTION.index(text)
        return {"text": text, "start": start, "end": start + len(text)}

    return {
        "id": id_,
        "type": type_,
        "trigger": span(trigger),
        "arguments": [{"role": role, **span(text)} for role, text in roles.items()],
    }


@pytest.fixture
def scored(tmp_path):
    arrest = event("e0", "Arrest", "arrest", Agent="Police", Person="a man")
    attack = event("e1", "Attack", "attack", Attacker="rebels")
    gold = write(tmp_path / "gold.jsonl", {"caption": CAPTION, "events": [arrest, attack]})
    arrest = event("e0", "Arrest", "arrest", Agent="Police", Person="rebels", Place="man")
    said = write(tmp_path / "said.jsonl", {"caption": CAPTION, "events": [arrest]})
    return said, gold


def test_evaluate_extraction_prints_one_json_object_in_per_cent(scored):
    result = invoke("evaluate", "extraction", *scored, "--json")
    found = json.loads(result.stdout)
    assert [found["trigger"][k] for k in ("precision", "recall", "f1")] == pytest.approx([100, 50, 200 / 3])
    assert [found["argument"][k] for k in ("precision", "recall", "f1")] == pytest.approx([100 / 3, 100 / 3, 100 / 3])


def test_evaluate_extraction_prints_a_table_of_the_same(scored):
    result = invoke("evaluate", "extraction", *scored)
    rows = [[cell.strip() for cell in line.split("│")[1:]] for line in result.stdout.splitlines()]
    assert [row[1:4] for row in rows if row[:1] == ["trigger"]] == [["100.0", "50.0", "66.7"]]
    assert [row[1:4] for row in rows if row[:1] == ["argument"]] == [["33.3", "33.3", "33.3"]]


def test_ontology_check_counts_types_and_roles(tmp_path):
    (tmp_path / "kitchen.toml").write_text(KITCHEN)
    result = invoke("ontology", "check", tmp_path / "kitchen.toml")
    assert result.exit_code == 0
    assert "2 types" in result.stdout
    assert "3 roles" in result.stdout


def test_ontology_check_names_every_mistake_on_a_line_of_its_own(tmp_path):
    broken = KITCHEN.replace('"substance"', '"food"').replace("Helper = { kinds", "Helper = { kind")
    (tmp_path / "kitchen.toml").write_text(broken)
    result = invoke("ontology", "check", tmp_path / "kitchen.toml")
    assert result.exit_code == 1
    lines = result.stderr.splitlines()
    assert all("kitchen.toml" in line for line in lines)
    assert [any(word in line for line in lines) for word in ("Dish", "Helper")] == [True, True]


def test_ontology_show_prints_types_roles_and_sentences(tmp_path):
    (tmp_path / "kitchen.toml").write_text(KITCHEN)
    table = invoke("ontology", "show", tmp_path / "kitchen.toml").stdout
    assert all(word in table for word in ("Kitchen:Cook", "Kitchen:Wash", "Cook, Dish", "Helper"))
    one = invoke("ontology", "show", tmp_path / "kitchen.toml", "--type", "cook").stdout
    assert "{Cook} <cook> {Dish}" in one
    assert "Wash" not in one


def test_ontology_show_prints_every_type_of_news():
    shipped = tomllib.loads((ROOT / "templates" / "news.toml").read_text(encoding="utf-8"))
    shown = {line.split()[0] for line in invoke("ontology", "show").stdout.splitlines() if line.split()}
    assert set(shipped["events"]) <= shown


def test_ontology_show_prints_square_brackets_of_a_name_as_they_stand(tmp_path):
    (tmp_path / "k.toml").write_text(KITCHEN.replace('name = "kitchen"', 'name = "kitchen [/b]"'))
    result = invoke("ontology", "show", tmp_path / "k.toml")
    assert result.exit_code == 0
    assert "kitchen [/b]" in result.stdout


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "good.jsonl", {"caption": "Rain."})
    (tmp_path / "good.txt").write_text("Rain.")
    (tmp_path / "deep.jsonl").write_text("[" * 100_000)
    (tmp_path / "latin.jsonl").write_bytes(b"caf\xe9\n")
    (tmp_path / "broken.toml").write_text("name = \n")
    return tmp_path


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        ("extract good.txt", "good.txt"),
        ("extract good.jsonl -o .", "folder"),
        ("extract good.jsonl --ontology none.toml", "none.toml"),
        ("extract good.jsonl --device toaster", "toaster"),
        ("extract - --resume -o out.jsonl", "resume"),
        ("demo none.jsonl", "none.jsonl"),
        ("ontology check broken.toml", "broken.toml"),
        ("ontology check latin.jsonl", "latin.jsonl"),
        ("ontology show nowhere", "nowhere"),
        ("ontology show news --type Sing", "Sing"),
        ("evaluate extraction none.jsonl good.jsonl", "none.jsonl"),
        ("evaluate extraction good.jsonl good.jsonl", "good.jsonl:1"),
        ("evaluate extraction latin.jsonl latin.jsonl", "latin.jsonl"),
        ("evaluate extraction deep.jsonl deep.jsonl", "deep.jsonl"),
    ],
)
def test_what_a_user_can_mend_is_one_line_on_standard_error(folder, arguments, word):
    result = invoke(*arguments.split())
    assert isinstance(result.exception, SystemExit), result.exception
    assert result.exit_code == 1
    (line,) = result.stderr.splitlines()
    assert line.startswith("clip-event: ")
    assert word in line
    assert result.stdout == ""


def test_a_missing_file_is_one_line_and_exit_status_1_in_a_real_process(tmp_path):
    result = process("extract", tmp_path / "none.jsonl")
    assert result.returncode == 1
    assert result.stdout == ""
    assert result.stderr == f"clip-event: {tmp_path / 'none.jsonl'}: no such file\n"
