"""Words to phrases, and roles that stay legal."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from extraction.decode import Decoder, legal_mask, phrases
from extraction.extractor import EventExtractor
from extraction.store import load_reader

#        0      1       2       3    4       5
# words: riot   police  detain  the  young   man
LINK = [True, False, False, False, True, False]


def test_a_head_grows_left_over_its_phrase() -> None:
    assert phrases([("Agent", 1, 0.9), ("Person", 5, 0.8)], LINK) == [("Agent", 0, 1, 0.9), ("Person", 4, 5, 0.8)]


def test_of_two_heads_of_one_role_in_a_phrase_the_last_stays() -> None:
    assert phrases([("Agent", 0, 0.7), ("Agent", 1, 0.9)], LINK) == [("Agent", 0, 1, 0.9)]


def test_two_roles_in_one_phrase_both_stay() -> None:
    assert [role for role, *_ in phrases([("Place", 4, 0.7), ("Person", 5, 0.9)], LINK)] == ["Place", "Person"]


@given(st.lists(st.booleans(), min_size=1, max_size=12), st.data())
def test_phrases_end_at_their_head_and_never_cross_a_gap(link: list[bool], data: st.DataObject) -> None:
    heads = data.draw(st.lists(st.integers(0, len(link) - 1), unique=True).map(sorted))
    for _, start, head, _ in phrases([("Agent", head, 0.5) for head in heads], link):
        assert head in heads
        assert start <= head
        assert all(link[word] for word in range(start, head))
        assert start == 0 or not link[start - 1]


def test_the_legal_mask_allows_exactly_the_given_roles() -> None:
    reader, _ = load_reader()
    labels = reader.config.labels
    mask = legal_mask(reader, {"Life:Die": ("Victim", "Place")})
    row = mask[labels.types.index("Life:Die")]
    allowed = {0, 1 + labels.roles.index("Victim"), 1 + labels.roles.index("Place")}
    assert set(row.nonzero()[:, 0].tolist()) == allowed
    assert mask.sum() == 3


@pytest.mark.parametrize(
    "caption", ["Police arrest a man in Kabul.", "Two men were shot dead by rebels near Homs, Syria."]
)
def test_a_type_that_the_ontology_leaves_out_is_never_read(news: EventExtractor, caption: str) -> None:
    reader = news.reader
    legal = {"Justice:Arrest-Jail": ("Person",)}
    inputs = news.cutter.batch([caption.split()])
    with torch.inference_mode():
        (reading,) = Decoder(reader, legal).read(inputs)
    assert {frame.type for frame in reading.typed} <= set(legal)
    assert {role for frame in reading.typed for role, *_ in frame.arguments} <= {"Person"}
