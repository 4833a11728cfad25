"""Texts run short give the embeddings and gradients of texts run at full length, or are run at full length."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn.parallel import DistributedDataParallel
from towers import CONTEXT, HUGGING_FACE, SIZE, TEXTS, hugging_face, native, scaled, seeded, wordpiece

from clip_event.towers._open_clip import open_clip
from clip_event.towers.texts import GROUPS, PASS, encode_texts, encode_tokens, full_length, groups, lengths, pad_id

CLIP_TOKENIZER = open_clip.tokenizer.SimpleTokenizer()
DIRECTION = torch.randn(16, generator=torch.Generator().manual_seed(1))


@pytest.fixture(scope="module")
def pieces(tmp_path_factory):
    return wordpiece(tmp_path_factory.mktemp("tokenizer"))


@pytest.fixture(autouse=True)
def even_a_few_texts_are_run_in_groups(monkeypatch):
    monkeypatch.setitem(PASS, "cpu", 0)


def masked():
    """The one kind of text tower that no configuration of open_clip asks for: bidirectional, with padding masked."""
    text = {"no_causal_mask": True, "use_pad_mask": True, "pool_type": "eos", "eos_id": 3, "output_dim": 16}
    model = native("custom")
    model.text = open_clip.transformer.TextTransformer(**SIZE, **text)
    return scaled(model)


def tower(kind, pieces):
    """A model and its tokenizer."""
    if kind in HUGGING_FACE:
        return hugging_face(kind), pieces
    return seeded(masked) if kind == "masked" else native(kind), CLIP_TOKENIZER if kind == "clip" else pieces


def passes(model):
    """The (texts, length) of the passes through the tower that follow."""
    seen = []
    embedding = next(m for n, m in model.named_modules() if isinstance(m, nn.Embedding) and "visual" not in n)
    embedding.register_forward_pre_hook(lambda _, arguments: seen.append(tuple(arguments[0].shape)))
    return seen


def gradients(model, features):
    model.zero_grad()
    (features @ DIRECTION).square().sum().backward()
    return {n: p.grad.clone() for n, p in model.named_parameters() if p.grad is not None}


@pytest.mark.parametrize("checkpointing", [False, True])
@pytest.mark.parametrize("kind", ["clip", "mini", "custom", "coca", "masked", *HUGGING_FACE])
def test_texts_run_short_give_the_same_embeddings_and_gradients(kind, checkpointing, pieces):
    model, tokenizer = tower(kind, pieces)
    full = model.encode_text(tokenizer(list(TEXTS)), normalize=True)
    expected = gradients(model, full)
    assert full_length(model, tokenizer) is None
    if checkpointing:
        model.train()
        (model.text if kind == "coca" else model).set_grad_checkpointing()
    seen = passes(model)
    short = encode_texts(model, tokenizer, TEXTS)
    torch.testing.assert_close(short, full, atol=1e-5, rtol=0)
    got = gradients(model, short)
    assert got.keys() == expected.keys()
    for name, gradient in expected.items():
        torch.testing.assert_close(got[name], gradient, atol=1e-5 * max(1.0, float(gradient.abs().max())), rtol=0)
    assert sum(texts for texts, _ in seen) == len(set(TEXTS))
    assert len({length for _, length in seen}) == len(seen) in range(2, GROUPS + 1)


@pytest.mark.parametrize("kind", ["siglip", "clipa"])
def test_a_tower_that_attends_to_padding_runs_at_full_length(kind, pieces):
    model, tokenizer = tower(kind, pieces)
    assert full_length(model, tokenizer) == "the tower attends to padding"
    seen = passes(model)
    full = model.encode_text(tokenizer(list(TEXTS)), normalize=True)
    torch.testing.assert_close(encode_texts(model, tokenizer, TEXTS), full, atol=1e-6, rtol=0)
    assert seen == [(6, CONTEXT), (5, CONTEXT)]
    assert (encode_texts(model, tokenizer, TEXTS, short=True) - full).abs().max() > 1e-2


def test_a_tower_that_only_looks_causal_is_found_out_by_its_numbers():
    model = native("clip")
    model.attn_mask.zero_()
    assert "two texts run short came out" in full_length(model, CLIP_TOKENIZER)


def test_padding_that_the_tower_does_not_mask_is_refused(pieces):
    model, coca = hugging_face("bert"), native("coca")
    model.text.config.pad_token_id = coca.text.pad_id = 1
    for tower in (model, coca):
        assert full_length(tower, pieces) == "the tower masks token 1, but the tokenizer pads with 0"


def test_an_unknown_tower_runs_at_full_length(pieces):
    model = native("custom")
    model.text = nn.Sequential(model.text)
    assert full_length(model, pieces) == "how Sequential treats padding is not known"
    expected = model.encode_text(pieces(list(TEXTS)))
    torch.testing.assert_close(encode_texts(model, pieces, TEXTS, normalize=False), expected)


def test_a_tokenizer_that_pads_with_the_end_of_text_token():
    model = native("clip")

    def tokenizer(texts):
        tokens = CLIP_TOKENIZER(texts)
        return torch.where(tokens == 0, CLIP_TOKENIZER.eot_token_id, tokens)

    assert pad_id(tokenizer) == CLIP_TOKENIZER.eot_token_id
    full = model.encode_text(tokenizer(list(TEXTS)), normalize=True)
    torch.testing.assert_close(encode_texts(model, tokenizer, TEXTS), full, atol=1e-5, rtol=0)


def test_lengths_count_the_start_and_end_tokens(pieces):
    tokens = pieces(["a man", "", TEXTS[4]])
    assert lengths(tokens, 0).tolist() == [4, 2, CONTEXT]


def test_limits_of_a_pass_change_nothing_and_no_texts_are_refused(pieces):
    model = native()
    seen = passes(model)
    limited = encode_tokens(model, pieces(list(TEXTS)), 0, batch_size=1)
    assert [texts for texts, _ in seen] == [1] * 6
    torch.testing.assert_close(limited, encode_texts(model, pieces, TEXTS), atol=1e-6, rtol=0)
    with pytest.raises(ValueError, match="at least one"):
        encode_texts(model, pieces, [])


def test_parameters_and_training_mode_are_as_before(pieces):
    model = native().train()
    before = {name: (id(value), value.clone()) for name, value in model.state_dict(keep_vars=True).items()}
    mask = model.attn_mask
    full_length(model, pieces)
    encode_texts(model, pieces, TEXTS)
    assert model.training
    assert model.attn_mask is mask
    for name, value in model.state_dict(keep_vars=True).items():
        assert id(value) == before[name][0]
        assert torch.equal(value, before[name][1])


def test_gradients_are_the_same_when_the_call_is_inside_a_distributed_module(tmp_path, pieces):
    class Towers(nn.Module):
        def __init__(self, model):
            super().__init__()
            self.model = model

        def forward(self, texts):
            return encode_texts(self.model, pieces, texts)

    model = native()
    for parameter in (*model.visual.parameters(), model.logit_scale):
        parameter.requires_grad_(False)
    expected = gradients(model, encode_texts(model, pieces, TEXTS))
    torch.distributed.init_process_group("gloo", init_method=f"file://{tmp_path}/store", rank=0, world_size=1)
    try:
        got = gradients(model, DistributedDataParallel(Towers(model))(TEXTS))
    finally:
        torch.distributed.destroy_process_group()
    assert got.keys() == expected.keys()
    for name, gradient in expected.items():
        torch.testing.assert_close(got[name], gradient)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.integers(1, 77), min_size=1, max_size=300), st.sampled_from([77, 200]))
def test_groups_hold_every_text_once_at_a_length_that_fits(used, context):
    made = groups(used, context, 0)
    assert sorted(row for _, rows in made for row in rows) == list(range(len(used)))
    assert 1 <= len(made) <= GROUPS
    for length, rows in made:
        assert length % 8 == 0 or length == context
        assert max(used[row] for row in rows) <= length < max(used[row] for row in rows) + 8
    one = len(used) * min(-(-max(used) // 8) * 8, context)
    assert sum(length * len(rows) for length, rows in made) <= one


def test_one_long_text_does_not_make_the_others_long():
    assert [(length, len(rows)) for length, rows in groups([10] * 200 + [70], 77, 256)] == [(16, 200), (72, 1)]


def test_a_pass_of_its_own_has_to_save_more_than_it_costs():
    assert groups([8] * 10 + [32] * 10, 77, 256) == [(32, list(range(20)))]  # 240 tokens of padding
    assert [length for length, _ in groups([8] * 11 + [32] * 10, 77, 256)] == [8, 32]  # 264
