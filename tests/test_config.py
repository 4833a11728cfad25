"""A run's configuration: every key from file and command line, presets under it, and faults named with their mend."""

import json
from pathlib import Path

import pytest
from pydantic import BaseModel

from clip_event.tuning.config import Config, ConfigError, parse_config, read_config
from clip_event.tuning.presets import PRESETS

LEAST = 'out = "run"\n[data]\ntrain = "gold.jsonl"\n'
OTHER = {
    "preset": "caption",
    "device": "cpu",
    "out": "elsewhere",
    "data.train": "a.jsonl",
    "data.validation": "b.jsonl",
    "data.images": "pictures",
    "data.ontology": "open",
    "data.confusion": "confusion.json",
    "data.held_out": 0.25,
    "data.styles": ["short", "type"],
    "evaluation.styles": ("short",),
    "data.negatives": {"rotate": 4},
    "losses.kinds": {"role": 2.5},
    "losses.gamma": 3.5,
    "losses.smoothing": 0.25,
    "model.name": "ViT-B-32/openai",
    "model.precision": "bf16",
    "model.prompt": "learned",
    "data.regions": "boxes.jsonl",
    "model.image": "lora",
    "model.text": "frozen",
    "model.random": 5,
    "optim.betas": [0.5, 0.75],
    "optim.warmup": 0.5,
    "optim.steps": 9,
    "optim.chunk": 3,
    "evaluation.alphas": [0.125, 1.0],
}
"""Values unlike the defaults, where a number that is one more, or the other switch, will not do."""


def write(folder: Path, text: str = LEAST) -> Path:
    path = folder / "run.toml"
    path.write_text(text, encoding="utf-8")
    return path


def leaves(model: type[BaseModel], place: str = ""):
    for name, field in model.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield from leaves(field.annotation, f"{place}{name}.")
        else:
            yield place + name


def at(config: Config, place: str):
    for name in place.split("."):
        config = getattr(config, name)
    return config


def toml(value: object) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{name} = {toml(one)}" for name, one in value.items()) + "}"
    return json.dumps(value)


@pytest.mark.parametrize("place", list(leaves(Config)))
def test_every_key_can_be_set_on_the_command_line(tmp_path: Path, place: str) -> None:
    path = write(tmp_path)
    before = at(read_config(path), place)
    wanted = OTHER[place] if place in OTHER else (not before if isinstance(before, bool) else before + 1)
    bare = [f"{place}={wanted}"] if isinstance(wanted, str) else []  # a string needs no quotation marks
    for override in [f"{place}={toml(wanted)}", f" {place} = {toml(wanted)}", *bare]:
        found = at(read_config(path, [override]), place)
        if place in ("out", "data.train", "data.validation", "data.images", "data.confusion", "data.regions"):
            wanted_there = str(tmp_path / str(wanted))
        else:
            wanted_there = tuple(wanted) if isinstance(wanted, list) else wanted
        assert found == wanted_there != before


def test_the_command_line_goes_over_the_file_and_the_file_over_its_preset(tmp_path: Path) -> None:
    path = write(tmp_path, 'preset = "negclip"\n' + LEAST + "[losses]\nsmoothing = 0.25\nhard = 0.5\n")
    config = read_config(path, ["losses.hard=0.75", "losses.hard=0.125"])
    assert config.losses.appended  # the preset's
    assert (config.losses.smoothing, config.losses.hard) == (0.25, 0.125)
    assert config.data.styles == ("caption",)
    assert config.optim == Config(out="", data={"train": ""}).optim  # nobody's


def test_negatives_are_replaced_as_a_whole_and_weights_of_kinds_are_not(tmp_path: Path) -> None:
    preset = 'preset = "clip-event-2022"\n'
    assert read_config(write(tmp_path, preset + LEAST)).data.negatives == {"event": 1, "rotate": 1}
    assert read_config(write(tmp_path, preset + LEAST + "negatives = {role = 3}\n")).data.negatives == {"role": 3}
    assert read_config(write(tmp_path, preset + LEAST + "negatives = {}\n")).data.negatives == {}
    kinds = write(tmp_path, LEAST + "[losses]\nkinds = {role = 2}\n")
    assert read_config(kinds, ["losses.kinds.event=0.5"]).losses.kinds == {"role": 2, "event": 0.5}


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_sets_what_it_says(name: str) -> None:
    config = parse_config({"preset": name, "out": "run", "data": {"train": "a"}})
    assert config.preset == name
    for section, values in PRESETS[name].items():
        for key, value in values.items():
            assert at(config, f"{section}.{key}") == value


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("devise=cpu", r"devise is no key; did you mean 'device'\?"),
        ("optim.learning=1", r"optim.learning is no key; known are lr, weight_decay"),
        ("losses.contrastve=1", r"losses.contrastve is no key; did you mean 'contrastive'\?"),
        ("evaluation.galery=3", r"did you mean 'gallery'\?"),
        ("optim.lr.x=1", r"optim.lr: .*found \{'x': 1\}"),
        ("evnt.x=1", r"evnt is no key"),
        ("preset=evnt", r"preset 'evnt' is not known; did you mean 'event'\?"),
        ("preset=[1]", "preset .* is not known"),
        ("data.negatives.rol=1", r"'rol' is no kind of negative; did you mean 'role'\?"),
        ("data.negatives.role=-1", "data.negatives.role: .*found -1"),
        ("data.styles=['shrt']", r"'shrt' is no style; did you mean 'short'\?"),
        ("data.styles=[]", "data.styles"),
        ("data.styles=sentence", "data.styles: .*found 'sentence'"),
        ("optim.lr=fast", "optim.lr: .*found 'fast'"),
        ("optim.lr=true", "optim.lr: .*found True"),
        ("optim.lr=inf", "optim.lr: .*found inf"),
        ("losses.hard=nan", "losses.hard: .*found nan"),
        ("losses.gamma=0.5", "gamma is 0.5; expected 0, or 1"),
        ("losses.kinds.role=-1", "losses.kinds.role: .*found -1"),
        ("optim.batch=1", "optim.batch: .*found 1"),
        ("optim.batch=2.5", "optim.batch: .*found 2.5"),
        ("model.image=some", "model.image: .*'all', 'frozen' or 'lora'.*found 'some'"),
        ("model=mini", "model: .*found 'mini'"),
        ("out.x=1", "out is no section"),
        ("optim.lr", r"expected section.key=value"),
        ("=1", r"expected section.key=value"),
    ],
)
def test_a_fault_is_named_with_its_place(tmp_path: Path, override: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        read_config(write(tmp_path), [override])


def test_a_run_without_any_loss_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="every loss weighs 0"):
        read_config(write(tmp_path, 'preset = "caption"\n' + LEAST), ["losses.contrastive=0"])


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('out = "run"\n', "data.train is missing"),
        ('out = "run"\n[data]\n', "data.train is missing"),
        ('[data]\ntrain = "a"\n', "out is missing"),
        ("out = run\n", "line 1"),
        (LEAST + "[data]\n", "run.toml.*expected a TOML file"),
        (LEAST + "[losses]\nhrd = 1\n", r"run.toml: losses.hrd is no key; did you mean 'hard'\?"),
    ],
)
def test_a_broken_file_is_named(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        read_config(write(tmp_path, text))


def test_a_file_that_is_not_there_or_no_text_is_named(tmp_path: Path) -> None:
    for path in (tmp_path / "none.toml", tmp_path):
        with pytest.raises(ConfigError, match=path.name):
            read_config(path)
    (tmp_path / "run.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigError, match=r"run\.toml"):
        read_config(tmp_path / "run.toml")
    path = write(tmp_path, "\N{BYTE ORDER MARK}" + LEAST)  # as Windows' editors write it
    assert read_config(path).data.train == str(tmp_path / "gold.jsonl")


def test_paths_are_relative_to_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "runs" / "kept").mkdir(parents=True)
    (tmp_path / "runs" / "kept" / "open_clip_config.json").write_text("{}")
    (tmp_path / "runs" / "mini").mkdir()
    (tmp_path / "runs" / "run.toml").write_text(LEAST)

    def read(*overrides: str) -> Config:
        return read_config(Path("runs") / "run.toml", overrides)

    config = read("data.train=../a.jsonl", "data.images=pictures", "data.ontology=kitchen.toml", "out=/tmp/elsewhere")
    assert (tmp_path / config.data.train).resolve() == tmp_path / "a.jsonl"
    assert (config.data.images, config.data.ontology) == ("runs/pictures", "runs/kitchen.toml")
    assert config.out == "/tmp/elsewhere"
    assert (config.data.validation, read().data.ontology, read().out) == (None, "news", "runs/run")
    assert read("data.train=a-{0..3}.tar::b.tar").data.train == "runs/a-{0..3}.tar::runs/b.tar"
    assert read("data.train=s3://bucket/0.tar").data.train == "s3://bucket/0.tar"
    for name in ("kept", "local-dir:kept"):
        assert read(f"model.name={name}").model.name == "runs/kept"
    for name in ("mini", "ViT-B-32/openai", "hf-hub:owner/name", "nowhere"):  # a folder without a model is none
        assert read(f"model.name={name}").model.name == name
