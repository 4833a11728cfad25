"""The fine-tuner as a whole: a small model, drawn scenes, and what a run keeps when it is cut, shared or stopped."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from runs import config, every_line, lines, losses, quiet, settings, small_world
from safetensors.torch import load_file

from clip_event.descriptions import describe
from clip_event.pictures.missing import MissingPictures
from clip_event.towers._open_clip import open_clip
from clip_event.towers.models import load
from clip_event.tuning.checkpoint import CheckpointError
from clip_event.tuning.config import parse_config
from clip_event.tuning.finetune import FinetuneError, finetune
from templates.pairs import Wanted

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def world(tmp_path_factory) -> Path:
    return small_world(tmp_path_factory.mktemp("world"))


@pytest.fixture(scope="module")
def whole_run(world, tmp_path_factory) -> Path:
    return finetune(config(world, tmp_path_factory.mktemp("runs") / "whole"), say=quiet)


def test_a_run_learns_and_leaves_what_it_promises(whole_run):
    assert {"metrics.jsonl", "report.html", "README.md", "event_config.json", "open_clip_model.safetensors"} <= {
        path.name for path in whole_run.iterdir()
    }
    assert not (whole_run / "checkpoint.pt").exists()
    found = losses(whole_run)
    assert sorted(found) == list(range(1, 13))
    assert sum(list(found.values())[-3:]) < sum(list(found.values())[:3])
    assert [line["when"] for line in lines(whole_run, "evaluation")] == ["start", "epoch", "end", *["alpha"] * 3]
    assert {"event", "role", "filler"} == set(lines(whole_run, "evaluation")[0]["pairs"])


def test_alpha_0_is_the_start_and_alpha_1_the_end(whole_run):
    found = lines(whole_run, "evaluation")
    start, end, alphas = found[0], found[2], {line["alpha"]: line for line in found[3:]}
    assert alphas[0.0]["pairs"] == start["pairs"]
    assert alphas[0.0]["retention"]["image"] == pytest.approx(1, abs=1e-6)
    assert alphas[1.0]["pairs"] == end["pairs"]


def test_plain_open_clip_loads_the_folder_with_the_network_off(whole_run):
    texts = ["a nurse arrests a chef", "a chef arrests a nurse"]
    program = f"""
from extraction._torchvision import declare_missing_operators
declare_missing_operators()
import open_clip, torch
model, _, preprocess = open_clip.create_model_and_transforms("local-dir:{whole_run}")
tokenizer = open_clip.get_tokenizer("local-dir:{whole_run}")
with torch.no_grad():
    print(model.eval().encode_text(tokenizer({texts!r}), normalize=True).flatten().tolist())
"""
    quiet_hub = {**os.environ, "HF_HUB_OFFLINE": "1", "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", program], env=quiet_hub, capture_output=True, text=True, check=True)
    ours = load(str(whole_run))
    with torch.no_grad():
        mine = ours.model.encode_text(ours.tokenizer(texts), normalize=True).flatten()
    torch.testing.assert_close(mine, torch.tensor(json.loads(done.stdout.splitlines()[-1])), atol=1e-6, rtol=0)


def test_a_killed_run_goes_on_to_the_same_losses_bit_for_bit(world, whole_run, tmp_path):
    out = tmp_path / "killed"
    path = tmp_path / "run.json"
    path.write_text(json.dumps(settings(world, out)))
    program = (
        "import json, sys\nfrom clip_event import finetune\nfrom clip_event.tuning.config import parse_config\n"
        "finetune(parse_config(json.load(open(sys.argv[1]))), say=lambda line: print(line, flush=True))"
    )
    run = subprocess.Popen(
        [sys.executable, "-c", program, str(path)],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": str(torch.get_num_threads())},
    )
    assert run.stdout
    for line in run.stdout:
        if line.startswith("step     5/"):
            run.send_signal(signal.SIGKILL)
            break
    run.wait()
    assert (out / "checkpoint.pt").exists()
    finetune(config(world, out), resume=True, say=quiet)
    assert losses(out) == losses(whole_run)
    told = [(line["event"], line.get("step")) for line in every_line(out)]
    assert told == [(line["event"], line.get("step")) for line in every_line(whole_run)]
    one, two = (load_file(folder / "open_clip_model.safetensors") for folder in (out, whole_run))
    assert all(torch.equal(one[name], two[name]) for name in two)


def test_a_run_that_is_asked_to_stop_saves_and_says_how_to_go_on(world, tmp_path):
    out = tmp_path / "stopped"
    path = tmp_path / "run.toml"
    given = settings(world, out, save_every=1000, optim={"epochs": 500})
    given_lines = [f"{key} = {json.dumps(value)}" for key, value in given.items() if not isinstance(value, dict)]
    for name, section in given.items():
        if isinstance(section, dict):
            given_lines.append(f"[{name}]")
            given_lines += [
                f"{key} = {{{', '.join(f'{k} = {v}' for k, v in value.items())}}}"
                if isinstance(value, dict)
                else f"{key} = {json.dumps(value)}"
                for key, value in section.items()
            ]
    path.write_text("\n".join(given_lines))
    run = subprocess.Popen(
        [sys.executable, "-m", "clip_event.cli", "finetune", "--config", str(path)],
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert run.stderr
    for line in run.stderr:
        if line.startswith("step     3/"):
            run.send_signal(signal.SIGTERM)
            break
    rest = run.stderr.read()
    assert run.wait() == 143
    assert "go on with --resume" in rest
    assert (out / "checkpoint.pt").exists()


def test_lora_ends_in_a_folder_without_adapters(world, tmp_path):
    sections = {"model": {"image": "lora", "text": "lora", "rank": 2}, "optim": {"steps": 2}}
    out = finetune(config(world, tmp_path / "lora", **sections), say=quiet)
    assert not [name for name in load_file(out / "open_clip_model.safetensors") if "lora" in name]
    assert lines(out, "plan")[0]["trainable"]["image"] < 10_000


@pytest.mark.parametrize("preset", ["event", "caption", "negclip", "clip-event-2022"])
def test_every_preset_runs(world, tmp_path, preset):
    given = settings(world, tmp_path / preset, preset=preset, optim={"steps": 2})
    del given["losses"], given["data"]["negatives"]
    out = finetune(parse_config(given), say=quiet)
    assert len(losses(out)) == 2


def test_a_loss_that_is_not_finite_stops_with_the_ids_of_the_batch(world, tmp_path):
    with pytest.raises(FinetuneError, match=r"not finite at step \d+ .*train-0-0000"):
        finetune(config(world, tmp_path / "nan", optim={"lr": 1e30, "clip": 1e30}), say=quiet)
    assert lines(tmp_path / "nan", "stopped")


def test_too_many_missing_pictures_stop_a_run_and_few_are_counted(world, tmp_path):
    records = [json.loads(line) for line in (world / "train/gold.jsonl").open()]
    for missing, fails in ((1, False), (24, True)):
        path = tmp_path / f"gold{missing}.jsonl"
        changed = [{**r, "image": "gone.jpg"} if n < missing else r for n, r in enumerate(records)]
        path.write_text("\n".join(map(json.dumps, changed)))
        out = tmp_path / f"run{missing}"
        given = config(world, out, data={"train": str(path), "images": str(world / "train")}, optim={"epochs": 1})
        if fails:
            with pytest.raises(MissingPictures, match="24 of 48"):
                finetune(given, say=quiet)
        else:
            finetune(given, say=quiet)
            assert lines(out, "missing") == [{"event": "missing", "count": 1, "seen": 48}]


def test_a_folder_in_use_and_a_resume_of_nothing_are_refused(world, whole_run, tmp_path):
    with pytest.raises(FinetuneError, match="is not empty"):
        finetune(config(world, whole_run), say=quiet)
    with pytest.raises(CheckpointError, match="no checkpoint"):
        finetune(config(world, tmp_path / "nothing"), resume=True, say=quiet)


def test_the_style_given_needs_descriptions_that_hold_it(world, tmp_path):
    events = world / "train/gold.jsonl"
    texts, said = tmp_path / "texts.jsonl", tmp_path / "descriptions.jsonl"
    records = [json.loads(line) for line in events.open()]
    rows = [{"id": one["id"], "event": e["id"], "text": "As told."} for one in records for e in one["events"]]
    texts.write_text("\n".join(map(json.dumps, rows)))
    few = {"negatives": {}, "train": str(said), "images": str(world / "train"), "styles": ["given"]}
    for source, styles in ((events, ("given",)), (said, ("short",)), (said, ("short", "given"))):
        describe(events, said, Wanted(styles, {}), given=texts)
        out = tmp_path / f"{source.stem} {len(styles)}"
        tried = config(world, out, data=few | {"train": str(source)}, losses={"hard": 0}, optim={"steps": 1})
        if "given" in styles and source == said:
            assert len(losses(finetune(tried, say=quiet))) == 1
        else:
            with pytest.raises(
                ValueError, match=r"data.styles: 'given' .* these (events|descriptions) hold none; write"
            ):
                finetune(tried, say=quiet)
    tried = config(world, tmp_path / "checked", evaluation={"styles": ["given"]})
    with pytest.raises(ValueError, match=r"evaluation.styles: 'given' .* these events hold none"):
        finetune(tried, say=quiet)


def test_workers_change_nothing(world, whole_run, tmp_path):
    out = finetune(config(world, tmp_path / "workers", data={"workers": 2}, optim={"steps": 3}), say=quiet)
    again = finetune(config(world, tmp_path / "none", optim={"steps": 3}), say=quiet)
    assert losses(out) == losses(again)
    assert open_clip.get_model_config(f"local-dir:{out}")["embed_dim"] == 16
