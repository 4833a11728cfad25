"""A learned prompt against a vocabulary in which its vectors are words, in every tower class; runs that learn one."""

import json
from copy import deepcopy
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from loops import ALL, KINDS, PAD, collated, examples, tokens
from runs import config, lines, losses, quiet, small_world
from safetensors.torch import load_file, save_file
from test_texts import CLIP_TOKENIZER, DIRECTION, passes, tower
from torch import nn
from towers import HUGGING_FACE, TEXTS, native, wordpiece

from clip_event.towers.models import ModelError, load, save
from clip_event.towers.prompt import Prompt, first_prompt
from clip_event.towers.texts import PASS, encode_texts
from clip_event.tuning.config import Optim
from clip_event.tuning.finetune import finetune
from clip_event.tuning.objective import Objective
from clip_event.tuning.optimizer import optimizer
from clip_event.tuning.steps import Encoder, backward

CONTEXT = 5


@pytest.fixture(scope="module")
def pieces(tmp_path_factory):
    return wordpiece(tmp_path_factory.mktemp("tokenizer"))


@pytest.fixture(scope="module")
def world(tmp_path_factory) -> Path:
    return small_world(tmp_path_factory.mktemp("world"))


def moved(prompt: Prompt) -> Prompt:
    """Unlike any word."""
    noise = torch.randn(prompt.vectors.shape, generator=torch.Generator().manual_seed(7))
    with torch.no_grad():
        prompt.vectors += noise.to(prompt.vectors.dtype)
    return prompt


def embedding_of(model: nn.Module) -> nn.Embedding:
    return next(m for n, m in model.named_modules() if isinstance(m, nn.Embedding) and "visual" not in n)


def by_vocabulary(model: nn.Module, tokenizer, texts, prompt: Prompt):
    """The texts' embeddings by a tower whose vocabulary has the vectors as words, written in front by hand.

    With a function that gives the gradient of these words.
    """
    rows = tokenizer(list(texts))
    unused = [one for one in range(399, 0, -1) if one not in rows][: len(prompt.vectors)]
    model = deepcopy(model)
    embedding = embedding_of(model)
    scale = getattr(embedding, "embed_scale", 1.0)  # M2M's words are scaled when they are looked up
    with torch.no_grad():
        embedding.weight[unused] = prompt.vectors / scale
    written = []
    for row in rows.tolist():
        start, *words, end = row[: max(place for place, token in enumerate(row) if token) + 1]
        words = words[: len(row) - 2 - len(unused)]
        written.append(([start, *unused, *words, end] + len(row) * [0])[: len(row)])
    return model.encode_text(torch.tensor(written), normalize=True), lambda: embedding.weight.grad[unused] / scale


@pytest.mark.parametrize("kind", ["clip", "mini", "custom", "coca", "masked", "siglip", "clipa", *HUGGING_FACE])
def test_the_vectors_are_words_in_front_of_every_text_and_get_their_gradient(kind, pieces, monkeypatch):
    monkeypatch.setitem(PASS, "cpu", 0)
    model, tokenizer = tower(kind, pieces)
    prompt = moved(first_prompt(model, tokenizer, CONTEXT))
    expected, slope_of_words = by_vocabulary(model, tokenizer, TEXTS, prompt)
    (expected @ DIRECTION).square().sum().backward()
    seen = passes(model)
    found = encode_texts(model, tokenizer, TEXTS, prompt=prompt)
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=0)
    (found @ DIRECTION).square().sum().backward()
    slope = slope_of_words()
    assert slope.abs().amax(1).min() > 1e-4
    torch.testing.assert_close(prompt.vectors.grad, slope, atol=1e-5 * max(1.0, float(slope.abs().max())), rtol=0)
    shortest = min(length for _, length in seen)
    assert (shortest == tokenizer([""]).shape[1]) == (kind in ("siglip", "clipa"))  # they attend to padding
    full = encode_texts(model, tokenizer, TEXTS, prompt=prompt, short=False)
    torch.testing.assert_close(full, found, atol=1e-5, rtol=0)
    without = encode_texts(model, tokenizer, TEXTS)
    torch.testing.assert_close(without, model.encode_text(tokenizer(list(TEXTS)), normalize=True), atol=1e-5, rtol=0)
    assert (without - found).abs().amax(1).min() > 1e-4


def test_three_vectors_begin_as_the_words_a_photo_of():
    model = native("clip")
    said = model.encode_text(CLIP_TOKENIZER([f"a photo of {text}" for text in TEXTS]), normalize=True)
    three = first_prompt(model, CLIP_TOKENIZER, 3)
    torch.testing.assert_close(encode_texts(model, CLIP_TOKENIZER, TEXTS, prompt=three), said, atol=1e-5, rtol=0)
    two, eight = (first_prompt(model, CLIP_TOKENIZER, number) for number in (2, 8))
    assert torch.equal(two.vectors, three.vectors[1:])
    assert " ".join(CLIP_TOKENIZER.decode(eight.words.tolist()).split()) == "photo of a photo of a photo of"


@pytest.mark.parametrize(
    ("start", "pad", "closes", "given", "expected"),
    [
        (1, 0, True, [2, 7, 3, 0, 0, 0, 0], [2, 8, 9, 7, 3, 0, 0]),
        (1, 0, True, [2, 4, 5, 6, 3, 0, 0], [2, 8, 9, 4, 5, 6, 3]),
        (1, 0, True, [2, 4, 5, 6, 7, 3, 0], [2, 8, 9, 4, 5, 6, 3]),
        (1, 0, True, [2, 4, 5, 6, 7, 1, 3], [2, 8, 9, 4, 5, 6, 3]),
        (0, 0, True, [4, 5, 6, 7, 4, 5, 3], [8, 9, 4, 5, 6, 7, 3]),
        (1, 3, False, [2, 4, 5, 6, 3, 3, 3], [2, 8, 9, 4, 5, 6, 3]),
        (1, 3, False, [2, 4, 5, 6, 7, 3, 3], [2, 8, 9, 4, 5, 6, 3]),
        (1, 3, False, [2, 4, 5, 6, 7, 1, 3], [2, 8, 9, 4, 5, 6, 3]),
    ],
)
def test_a_text_that_is_too_long_loses_its_last_words_and_keeps_its_end(start, pad, closes, given, expected):
    prompt = Prompt(torch.zeros(2, 4), torch.tensor([8, 9]), start, pad, closes)
    assert prompt.placed(torch.tensor([given])).tolist() == [expected]


def test_start_and_end_tokens_are_told_from_words():
    model = native("clip")

    def closed_by_padding(texts):
        rows = CLIP_TOKENIZER(texts)
        return torch.where(rows == 0, CLIP_TOKENIZER.eot_token_id, rows)

    def without_start(texts):
        rows = CLIP_TOKENIZER(texts)
        return torch.cat([rows[:, 1:], torch.zeros_like(rows[:, :1])], 1)

    for tokenizer, start, closes in (
        (CLIP_TOKENIZER, 1, True),
        (closed_by_padding, 1, False),
        (without_start, 0, True),
    ):
        prompt = first_prompt(model, tokenizer, 3)
        assert (prompt.start, prompt.closes) == (start, closes)
        assert CLIP_TOKENIZER.decode(prompt.words.tolist()).split() == ["a", "photo", "of"]


def test_towers_that_can_have_no_prompt_and_too_many_vectors_are_refused(pieces):
    model = native("custom")
    with pytest.raises(ValueError, match=r"model\.context=21 of the 40 tokens .* expected 20 at most"):
        first_prompt(model, pieces, 21)
    model.text = nn.Sequential(model.text)
    with pytest.raises(ValueError, match="how Sequential embeds its tokens is not known; use prompt='none'"):
        first_prompt(model, pieces, 2)


def prompted() -> Encoder:
    model = native("mini").double()
    return Encoder(model, PAD, True, True, prompt=moved(first_prompt(model, tokens, CONTEXT)))


@pytest.mark.parametrize("chunk", [1, 3])
def test_parts_of_a_batch_give_the_gradient_of_the_whole(chunk):
    batch, slopes = collated(examples(7, 5)), []
    for size in (None, chunk):
        made = prompted()
        start = Encoder(native("mini").double(), PAD, True, True)
        backward(made, Objective(ALL, KINDS), batch, made.model.logit_scale, size, start)
        slopes.append({name: value.grad for name, value in made.whole.named_parameters()})
    assert slopes[0]["prompt.vectors"].abs().amax(1).min() > 1e-6
    for name, slope in slopes[0].items():
        torch.testing.assert_close(slopes[1][name], slope, atol=1e-12, rtol=1e-9)


def test_the_vectors_do_not_decay():
    made = prompted()
    groups = optimizer(made.whole, Optim()).param_groups
    of = {id(value): group["weight_decay"] for group in groups for value in group["params"]}
    assert of[id(made.prompt.vectors)] == 0
    assert of[id(made.model.token_embedding.weight)] == 0.1
    assert len(of) == len(list(made.whole.parameters()))


def test_a_saved_prompt_is_loaded_and_goes_with_its_model(world, tmp_path):
    loaded = load(str(world / "small"), random=1)
    prompt = moved(first_prompt(loaded.model, loaded.tokenizer, CONTEXT))
    save(tmp_path / "run", replace(loaded, prompt=prompt), {})
    again = load(str(tmp_path / "run"))
    texts = ["a nurse arrests a chef", "a chef"]
    one, two = (
        encode_texts(a.model, a.tokenizer, texts, prompt=b) for a, b in ((loaded, prompt), (again, again.prompt))
    )
    assert torch.equal(one, two)
    assert load(str(tmp_path / "run"), random=2).prompt is None
    path = tmp_path / "run/prompt.safetensors"
    for wrong in ({"vectors": torch.zeros(2, 5), "words": torch.ones(2)}, {"vectors": prompt.vectors.detach()}, {}):
        save_file(wrong, path)
        with pytest.raises(ModelError, match=r"prompt.safetensors: vectors .* expected finite vectors \(context, 32\)"):
            load(str(tmp_path / "run"))
    path.write_bytes(b"cut")
    with pytest.raises(ModelError, match="cannot load"):
        load(str(tmp_path / "run"))
    save(tmp_path / "run", loaded, {})
    assert load(str(tmp_path / "run")).prompt is None


LEARNED = {"model": {"prompt": "learned", "image": "frozen", "text": "frozen"}, "evaluation": {"alphas": [1.0]}}


def test_with_both_towers_frozen_the_prompt_alone_moves(world, tmp_path):
    sections = {"losses": {"local": 0, "alignment": 0}, "optim": {"lr": 0.01, "epochs": 3}}
    out = finetune(config(world, tmp_path / "run", **LEARNED, **sections), say=quiet)
    assert lines(out, "plan")[0]["trainable"] == {"image": 0, "text": 0, "other": 0, "prompt": 8 * 32}
    base, tuned = load(str(world / "small"), random=1), load(str(out))
    for name, value in base.model.state_dict().items():
        assert torch.equal(tuned.model.state_dict()[name], value)
    began = first_prompt(base.model, base.tokenizer, 8)
    assert (tuned.prompt.vectors - began.vectors).abs().amax(1).min() > 1e-3
    found = list(losses(out).values())
    assert sum(found[-6:]) < sum(found[:6])
    assert "prompt.safetensors" in (out / "README.md").read_text(encoding="utf-8")
    checks = {line["when"]: line for line in lines(out, "evaluation") if line["when"] != "alpha"}
    assert checks["end"]["retention"]["text"] < 0.99 < checks["end"]["retention"]["image"]


def test_alpha_0_is_the_prompt_as_it_began_and_alpha_1_the_end(world, tmp_path):
    found = {}
    for alpha in (0.0, 0.5, 1.0):
        out = tmp_path / str(alpha)
        sections = {
            "model": {"prompt": "learned"},
            "evaluation": {"alphas": [alpha], "cost": 100},
            "optim": {"steps": 3},
        }
        found[alpha] = load_file(finetune(config(world, out, **sections), say=quiet) / "prompt.safetensors")["vectors"]
    base = load(str(world / "small"), random=1)
    assert torch.equal(found[0.0], first_prompt(base.model, base.tokenizer, 8).vectors)
    torch.testing.assert_close(found[0.5], (found[0.0] + found[1.0]) / 2)
    assert not torch.equal(found[0.0], found[1.0])


class Cut(Exception):
    pass


def cut_after(step: int):
    def say(line: str) -> None:
        if line.startswith(f"step {step:>5}/"):
            raise Cut

    return say


def test_a_run_that_is_cut_goes_on_to_the_same_prompt_bit_for_bit(world, tmp_path):
    sections = {"model": {"prompt": "learned", "text": "lora", "rank": 2}, "optim": {"chunk": 3, "epochs": 1}}
    folders = [tmp_path / "whole", tmp_path / "cut"]
    finetune(config(world, folders[0], **sections), say=quiet)
    with pytest.raises(Cut):
        finetune(config(world, folders[1], **sections), say=cut_after(3))
    finetune(config(world, folders[1], **sections), resume=True, say=quiet)
    assert losses(folders[0]) == losses(folders[1])
    for name in ("prompt.safetensors", "open_clip_model.safetensors"):
        one, two = (load_file(folder / name) for folder in folders)
        assert one.keys() == two.keys()
        assert all(torch.equal(one[key], two[key]) for key in one)


def test_a_model_with_a_prompt_is_gone_on_from(world, tmp_path):
    loaded = load(str(world / "small"), random=1)
    prompt = moved(first_prompt(loaded.model, loaded.tokenizer, 3))
    save(tmp_path / "base", replace(loaded, prompt=prompt), {})
    base = {"name": str(tmp_path / "base"), "random": None}
    with pytest.raises(ValueError, match=r"has a learned prompt; set model.prompt='learned' to go on"):
        finetune(config(world, tmp_path / "refused", model=base), say=quiet)
    sections = {"model": base | {"prompt": "learned"}, "evaluation": {"alphas": [0.0]}, "optim": {"steps": 1}}
    out = finetune(config(world, tmp_path / "on", **sections), say=quiet)
    assert torch.equal(load(str(out)).prompt.vectors, prompt.vectors)
    start, _, at_0 = lines(out, "evaluation")
    assert at_0["retention"]["text"] == pytest.approx(1, abs=1e-6)
    assert at_0["pairs"] == start["pairs"]
    assert json.loads((out / "event_config.json").read_text())["settings"]["model"]["prompt"] == "learned"
