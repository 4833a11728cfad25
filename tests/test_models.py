"""Models by name, and folders that plain open_clip loads with the network off."""

import json
import os
import pickle
import subprocess
import sys
import time
from copy import deepcopy
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from huggingface_hub import constants
from PIL import Image
from safetensors.torch import load_file
from towers import COCA, DIMENSION, SIZE, TEXT_TOWERS, TEXTS, VISION, bert, wordpiece

from clip_event.towers._open_clip import open_clip
from clip_event.towers.models import ModelError, load, save

ROOT = Path(__file__).resolve().parent.parent
OFFLINE = {"HF_HUB_OFFLINE": "1", "HF_ENDPOINT": "http://127.0.0.1:9"}
CONFIGS = {
    "mini": {"vision_cfg": VISION, "text_cfg": TEXT_TOWERS["mini"]},
    "clip": {"vision_cfg": VISION, "text_cfg": TEXT_TOWERS["clip"], "quick_gelu": True},
    "siglip": {
        "vision_cfg": {"timm_model_name": "test_vit3", "timm_pool": "map", "timm_proj": "linear", "image_size": 160},
        "text_cfg": TEXT_TOWERS["siglip"] | {"hf_tokenizer_name": "x", "tokenizer_kwargs": {"clean": "canonicalize"}},
        "custom_text": True,
        "init_logit_bias": -10,
    },
    "coca": {
        "vision_cfg": VISION | COCA,
        "text_cfg": TEXT_TOWERS["coca"] | {"hf_tokenizer_name": "x"},
        "multimodal_cfg": {"context_length": 40, "width": 32, "heads": 2, "layers": 1},
        "custom_text": True,
    },
    "bert": {
        "vision_cfg": VISION,
        "text_cfg": {"hf_tokenizer_name": "x", "hf_pooler_type": "cls_pooler", "context_length": 40},
    },
    "mobile": {
        "vision_cfg": {"timm_model_name": "test_efficientnet", "timm_pool": "avg", "timm_proj": "linear"},
        "text_cfg": SIZE | {"hf_tokenizer_name": "x", "pool_type": "eos", "eos_id": 3},
        "custom_text": True,
    },
}


def folder_of(kind, folder):
    """A folder with a configuration and a tokenizer, and no weights."""
    folder.mkdir(parents=True)
    if kind != "clip":
        wordpiece(folder)
    preprocess = {"mean": [0.5, 0.4, 0.3], "std": [0.2, 0.2, 0.3], "interpolation": "bilinear", "resize_mode": "squash"}
    config = {"model_cfg": {"embed_dim": DIMENSION, **deepcopy(CONFIGS[kind])}, "preprocess_cfg": preprocess}
    if kind == "bert":  # whose configuration is no part of the folder
        bert().save_pretrained(folder / "bert")
        config["model_cfg"]["text_cfg"]["hf_model_name"] = str(folder / "bert")
    (folder / "open_clip_config.json").write_text(json.dumps(config))
    return folder


@pytest.fixture
def mini(tmp_path):
    return load(str(folder_of("mini", tmp_path / "start")), random=0)


def picture():
    return Image.effect_noise((200, 120), 60).convert("RGB")


def embeddings(loaded, image):
    with torch.no_grad():
        images = loaded.model.encode_image(loaded.preprocess_val(image)[None], normalize=True)
        return torch.cat([images, loaded.model.encode_text(loaded.tokenizer(list(TEXTS)), normalize=True)])


PLAIN = """
import sys, json, torch
from extraction._torchvision import declare_missing_operators
declare_missing_operators()
import open_clip
from PIL import Image
root, texts = sys.argv[1], json.loads(sys.argv[2])
for kind in sys.argv[3:]:
    folder = f"local-dir:{root}/{kind}"
    model, _, preprocess = open_clip.create_model_and_transforms(folder)
    tokenizer = open_clip.get_tokenizer(folder)
    model.eval()
    with torch.no_grad():
        images = model.encode_image(preprocess(Image.open(f"{root}/picture.png"))[None], normalize=True)
        out = torch.cat([images, model.encode_text(tokenizer(texts), normalize=True)])
    torch.save(out, f"{root}/{kind}.pt")
print([name for name in sys.modules if name.split(".")[0] in ("clip_event", "templates")])
print([name for name in sys.modules if name.startswith("extraction.")])
"""


def test_plain_open_clip_loads_a_saved_folder_with_the_network_off(tmp_path):
    image = picture()
    image.save(tmp_path / "picture.png")
    expected = {}
    for kind in CONFIGS:
        loaded = load(str(folder_of(kind, tmp_path / "start" / kind)), random=1)
        for parameter in loaded.model.parameters():  # as though it had been trained
            parameter.data.add_(torch.randn(parameter.shape, generator=torch.Generator().manual_seed(2)) * 0.02)
        save(tmp_path / kind, loaded, {"recipe": kind})
        expected[kind] = embeddings(loaded, image)
        again = load(str(tmp_path / kind))
        torch.testing.assert_close(embeddings(again, image), expected[kind], atol=1e-6, rtol=0)
        assert again.full_length == loaded.full_length
    command = [sys.executable, "-c", PLAIN, str(tmp_path), json.dumps(TEXTS), *CONFIGS]
    run = subprocess.run(command, env={**os.environ, **OFFLINE}, cwd=ROOT, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    assert run.stdout.splitlines()[-2:] == ["[]", "['extraction._torchvision']"]
    for kind, rows in expected.items():
        torch.testing.assert_close(torch.load(tmp_path / f"{kind}.pt"), rows, atol=1e-6, rtol=0, msg=kind)


def test_random_weights_repeat_with_their_seed_and_leave_the_global_generator_alone(tmp_path):
    folder = str(folder_of("mini", tmp_path / "start"))
    state = torch.get_rng_state()
    one, same, other = (load(folder, random=seed).model.visual.proj for seed in (3, 3, 4))
    assert torch.equal(one, same)
    assert not torch.equal(one, other)
    assert torch.equal(torch.get_rng_state(), state)


def test_a_loaded_model_is_in_evaluation_mode_with_open_clips_preprocessing(mini):
    assert not mini.model.training
    assert mini.config["text_cfg"]["pool_type"] == "eos"
    assert mini.full_length is None
    image = Image.new("RGB", (64, 32), (128, 128, 128))
    pixels = mini.preprocess_val(image)
    expected = (128 / 255 - torch.tensor([0.5, 0.4, 0.3])) / torch.tensor([0.2, 0.2, 0.3])
    torch.testing.assert_close(pixels, expected[:, None, None].expand(3, 32, 32), atol=1e-5, rtol=0)
    assert mini.preprocess_train(image).shape == (3, 32, 32)


def test_saving_over_a_model_keeps_what_is_not_the_models(mini, tmp_path):
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / "event_config.json").write_text("{}")  # as a training run begins
    (folder / "metrics.jsonl").write_text("kept")
    (folder / "calibration.json").write_text("an older model's")
    save(folder, mini, {"step": 1})
    assert not (folder / "calibration.json").exists()
    mini.model.logit_scale.data.fill_(2.0)
    save(folder, mini, {"step": 2})
    assert (folder / "metrics.jsonl").read_text() == "kept"
    assert json.loads((folder / "event_config.json").read_text()) == {"step": 2}
    assert load_file(folder / "open_clip_model.safetensors")["logit_scale"] == 2.0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["run", "start"]


def test_another_folder_is_refused_and_stays_as_it_was(mini, tmp_path):
    folder = tmp_path / "holiday"
    folder.mkdir()
    (folder / "photo.jpg").write_text("beach")
    with pytest.raises(ModelError, match="no model's folder"):
        save(folder, mini, {})
    assert [path.name for path in folder.iterdir()] == ["photo.jpg"]
    with pytest.raises(ModelError, match="no model's folder"):
        save(folder / "photo.jpg", mini, {})


def test_a_save_that_fails_leaves_nothing(mini, tmp_path):
    with pytest.raises(TypeError):
        save(tmp_path / "new", mini, {"not json": object()})
    assert [path.name for path in tmp_path.iterdir()] == ["start"]


def test_adapters_that_are_not_merged_and_tokenizers_of_no_folder_are_refused(mini, tmp_path):
    mini.model.visual.register_parameter("lora_A", None)
    strange = replace(mini, tokenizer=lambda texts: mini.tokenizer(texts))
    with pytest.raises(ModelError, match="could not load a function"):
        save(tmp_path / "new", strange, {})
    mini.model.visual.add_module("c", torch.nn.ModuleDict({"lora_A": torch.nn.Linear(1, 1)}))
    with pytest.raises(ModelError, match=r"trainable\.merge"):
        save(tmp_path / "new", mini, {})


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("ViT-B-23/openai", ["no model 'ViT-B-23'", "did you mean ViT-B-32"]),
        ("vit-b-32/openai", ["no model 'vit-b-32'", "did you mean ViT-B-32"]),
        ("mnii", ["no model 'mnii'", "did you mean mini?"]),
        ("nothing", ["no model 'nothing'", "open_clip.list_models()", "hf-hub:owner/name"]),
        (
            "ViT-B-32/laion2b_s34b_b79",
            ["ViT-B-32 has no weights 'laion2b_s34b_b79'", "did you mean laion2b_s34b_b79k?"],
        ),
        ("ViT-B/32/nowhere", ["ViT-B-32 has no weights 'nowhere'; it has openai, laion400m_e31"]),
        ("ViT-B-32", ["names no weights", "ViT-B-32/TAG", "laion2b_s34b_b79k"]),
        ("local-dir:/no/such/folder", ["cannot load 'local-dir:/no/such/folder'", "No such file"]),
        ("hf-hub:", ["cannot load 'hf-hub:'", "empty"]),
    ],
)
def test_a_wrong_name_is_told_in_one_line_with_names_near_it(name, says):
    with pytest.raises(ModelError) as error:
        load(name)
    message = str(error.value)
    assert "\n" not in message
    for part in says:
        assert part.lower() in message.lower()


def test_an_unknown_precision_is_refused(tmp_path):
    with pytest.raises(ModelError, match="no precision 'float32': it is one of fp32"):
        load(str(folder_of("mini", tmp_path / "start")), precision="float32", random=0)


def test_weights_that_are_missing_or_do_not_fit_are_refused(tmp_path, mini):
    start = tmp_path / "start"
    with pytest.raises(ModelError, match="pretrained weights"):
        load(str(start))
    save(start, mini, {})
    config = json.loads((start / "open_clip_config.json").read_text())
    config["model_cfg"]["embed_dim"] = 8
    (start / "open_clip_config.json").write_text(json.dumps(config))
    with pytest.raises(ModelError, match="loading state_dict"):
        load(str(start))


def test_no_network_is_one_sentence_at_once(tmp_path, monkeypatch):
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")  # where nobody listens
    missing = {
        "ViT-B-32/laion2b_s34b_b79k": "open_clip_model.safetensors of laion/CLIP-ViT-B-32-laion2B-s34B-b79K",
        "hf-hub:no/where": "open_clip_config.json of no/where",
    }
    for offline, why in ((False, "http://127.0.0.1:9 cannot be reached"), (True, "HF_HUB_OFFLINE is set")):
        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", offline)
        for name, file in missing.items():
            start = time.monotonic()
            with pytest.raises(
                ModelError, match=f"{file} is not in the cache {tmp_path}, and {why}.*mini, which needs no network"
            ):
                load(name)
            assert time.monotonic() - start < 2


def test_a_model_in_the_hubs_cache_is_loaded_with_the_network_off(tmp_path, monkeypatch):
    start = load(str(folder_of("clip", tmp_path / "start")), random=0)
    cached = tmp_path / "hub" / "models--no--where"
    (cached / "refs").mkdir(parents=True)
    (cached / "refs" / "main").write_text("0" * 40)
    save(cached / "snapshots" / ("0" * 40), start, {})
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    loaded = load("hf-hub:no/where")
    image = picture()
    torch.testing.assert_close(embeddings(loaded, image), embeddings(start, image), atol=1e-6, rtol=0)


def test_code_that_comes_with_a_tokenizer_never_runs(tmp_path):
    folder = folder_of("mini", tmp_path / "start")
    (folder / "evil.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\nclass Evil:\n    pass\n")
    config = json.loads((folder / "tokenizer_config.json").read_text())
    config |= {"tokenizer_class": "Evil", "auto_map": {"AutoTokenizer": ["evil.Evil", "evil.Evil"]}}
    (folder / "tokenizer_config.json").write_text(json.dumps(config))
    whole = json.loads((folder / "open_clip_config.json").read_text())
    whole["model_cfg"]["text_cfg"]["tokenizer_kwargs"] = {"trust_remote_code": True}
    (folder / "open_clip_config.json").write_text(json.dumps(whole))
    with pytest.raises(ModelError, match="cannot load"):
        load(str(folder), random=0)
    assert not (tmp_path / "ran").exists()


class Evil:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (self.path, "w")


def test_code_in_pickled_weights_never_runs(tmp_path):
    folder = folder_of("mini", tmp_path / "start")
    (folder / "pytorch_model.bin").write_bytes(pickle.dumps({"logit_scale": Evil(str(tmp_path / "ran"))}, protocol=2))
    with pytest.raises(ModelError, match="cannot load"):
        load(str(folder))
    torch.save({"logit_scale": Evil(str(tmp_path / "ran"))}, folder / "pytorch_model.bin")
    with pytest.raises(ModelError, match="Weights only load failed"):
        load(str(folder))
    assert not (tmp_path / "ran").exists()


def test_a_model_and_its_tag_or_file_are_loaded_with_the_activation_and_preprocessing_they_want(tmp_path, monkeypatch):
    """Tags come with open_clip; one is added, whose weights are here."""
    start = load(str(folder_of("clip", tmp_path / "start")), random=5)
    save(tmp_path / "saved", start, {})
    weights = str(tmp_path / "saved" / "open_clip_model.safetensors")
    config = {"embed_dim": DIMENSION, "vision_cfg": VISION, "text_cfg": TEXT_TOWERS["clip"]}  # no quick_gelu
    monkeypatch.setitem(open_clip.factory._MODEL_CONFIGS, "ViT-T-8", config)
    tag = {"file": weights, "quick_gelu": True, "mean": (0.5, 0.4, 0.3), "std": (0.2, 0.2, 0.3)}
    monkeypatch.setitem(open_clip.pretrained._PRETRAINED, "ViT-T-8", {"ours": tag})
    images = torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    loaded = load("ViT-T/8/ours")
    assert torch.equal(loaded.model.encode_image(images), start.model.encode_image(images))
    assert loaded.config["quick_gelu"] is True
    assert torch.equal(
        loaded.preprocess_val(Image.new("RGB", (32, 32))), start.preprocess_val(Image.new("RGB", (32, 32)))
    )
    plain = load(f"ViT-T-8/{weights}")
    assert torch.equal(plain.model.visual.proj, start.model.visual.proj)
    assert "quick_gelu" not in plain.config
