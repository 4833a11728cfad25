"""The network against torch's own transformer layer, and what padding must not change."""

import pytest
import torch
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers
from torch import nn

from extraction.reader import Labels, Layer, Reader, ReaderConfig
from extraction.words import WordPieces, letter_shape

LABELS = Labels(("A:B", "C:D"), ("Agent", "Place"), ("Agent", "Theme"), ("ARG0",), ("NN", "VB"), ("NOUN",), ("person",))


def small(**changes: object) -> ReaderConfig:
    settings = {"vocabulary": 60, "width": 24, "layers": 2, "heads": 3, "inner": 48, "positions": 64}
    return ReaderConfig(LABELS, **{**settings, **changes})  # type: ignore[arg-type]


@pytest.fixture
def cutter() -> WordPieces:
    letters = {character: 10 + i for i, character in enumerate("abcdefghij'")}
    vocabulary = {"[PAD]": 0, "[CLS]": 1, "[SEP]": 2, "[UNK]": 3, "[MASK]": 4, **letters}
    vocabulary |= {f"##{letter}": 30 + i for i, letter in enumerate("abcdefghij")}
    tokenizer = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    return WordPieces(tokenizer)


def test_layer_agrees_with_torchs_encoder_layer() -> None:
    torch.manual_seed(0)
    ours = Layer(small()).eval()
    theirs = nn.TransformerEncoderLayer(24, 3, 48, activation="gelu", batch_first=True, layer_norm_eps=1e-12).eval()
    with torch.no_grad():
        for mine, other in (
            (ours.qkv.weight, theirs.self_attn.in_proj_weight),
            (ours.qkv.bias, theirs.self_attn.in_proj_bias),
            (ours.out.weight, theirs.self_attn.out_proj.weight),
            (ours.out.bias, theirs.self_attn.out_proj.bias),
            (ours.up.weight, theirs.linear1.weight),
            (ours.up.bias, theirs.linear1.bias),
            (ours.down.weight, theirs.linear2.weight),
            (ours.down.bias, theirs.linear2.bias),
        ):
            other.copy_(mine)
    x, mask = torch.randn(4, 9, 24), torch.arange(9) < torch.tensor([9, 5, 1, 7])[:, None]
    with torch.no_grad():
        expected = theirs(x, src_key_padding_mask=~mask)
        found = ours(x, mask)
    assert torch.allclose(found[mask], expected[mask], atol=1e-5)


def test_word_vectors_are_means_of_their_pieces(cutter: WordPieces) -> None:
    torch.manual_seed(0)
    reader = Reader(small(layers=0)).eval()
    batch = cutter.batch([["abc", "d"]])
    with torch.no_grad():
        vectors, _ = reader.encode(
            batch.pieces, batch.shapes, batch.piece_mask, batch.word_of, batch.word_mask.shape[1]
        )
        ids = cutter.pieces("abc")
        at = torch.arange(1, 1 + len(ids))
        pieces = reader.pieces(torch.tensor(ids)) + reader.positions(at) + reader.shapes.weight[letter_shape("abc")]
        expected = reader.norm(pieces).mean(0)
    assert len(ids) == 3
    assert torch.allclose(vectors[0, 0], expected, atol=1e-6)


def test_a_caption_reads_the_same_beside_longer_ones(cutter: WordPieces) -> None:
    torch.manual_seed(0)
    reader = Reader(small()).eval()
    alone, beside = cutter.batch([["ab", "c"]]), cutter.batch([["ab", "c"], ["abcdefghij"] * 4 + ["a"] * 9])
    with torch.no_grad():
        outputs = []
        for batch in (alone, beside):
            words = batch.word_mask.shape[1]
            vectors, early = reader.encode(batch.pieces, batch.shapes, batch.piece_mask, batch.word_of, words)
            event = torch.tensor([0])
            roles = reader.read_roles(early[:1], batch.word_mask[:1], event, event, torch.tensor([1]))
            outputs.append((reader.read(vectors)["trigger"][0, :2], roles["role"][0, :2]))
    for left, right in zip(*outputs, strict=True):
        assert torch.allclose(left, right, atol=1e-5)


def test_the_roles_depend_on_where_the_trigger_is(cutter: WordPieces) -> None:
    torch.manual_seed(0)
    reader = Reader(small()).eval()
    batch = cutter.batch([["a", "b", "c"], ["a", "b", "c"]])
    with torch.no_grad():
        _, early = reader.encode(batch.pieces, batch.shapes, batch.piece_mask, batch.word_of, batch.word_mask.shape[1])
        where = torch.tensor([0, 2])
        roles = reader.read_roles(early, batch.word_mask, where, where, torch.tensor([0, 0]))["role"]
    assert not torch.allclose(roles[0, :3], roles[1, :3], atol=1e-3)


def test_batches_are_padded_to_multiples_of_eight(cutter: WordPieces) -> None:
    batch = cutter.batch([["a"] * 9, ["b"]])
    assert batch.pieces.shape == (2, 16)
    assert batch.word_mask.shape == (2, 16)
    assert batch.piece_mask.sum(1).tolist() == [11, 3]
    assert batch.word_mask.sum(1).tolist() == [9, 1]


def test_typographic_quotes_are_read_as_plain_ones(cutter: WordPieces) -> None:
    assert cutter.pieces("a’b") == cutter.pieces("a'b")


def test_a_word_of_no_known_letter_is_one_unknown_piece(cutter: WordPieces) -> None:
    assert cutter.pieces("\u200b") == [cutter.unknown]
    assert cutter.pieces("漢") == [cutter.unknown]


@pytest.mark.parametrize(
    ("word", "shape"), [("police", 1), ("Police", 2), ("UN", 3), ("McCain", 4), ("2nd", 5), ("--", 0), ("A", 2)]
)
def test_letter_shapes(word: str, shape: int) -> None:
    assert letter_shape(word) == shape
