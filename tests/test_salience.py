"""Which event the photograph shows: hand-made captions, one sign against another."""

import pytest

from extraction.salience import salient

WORDS = ["Police", "arrest", "a", "man", "after", "clashes", "erupted", ".", "He", "was", "charged", "."]
TAGS = ["NNS", "VBP", "DT", "NN", "IN", "NNS", "VBD", ".", "PRP", "VBD", "VBN", "."]


def event(name: str, kind: str = "A:B", score: float = 0.9, arguments: int = 1) -> dict:
    return {"id": name, "type": kind, "score": score, "arguments": [{}] * arguments}


def test_without_events_nothing_is_salient() -> None:
    assert salient(WORDS, TAGS, [], []) is None


@pytest.mark.parametrize("order", [["main", "background"], ["background", "main"]])
def test_the_main_clause_goes_before_what_happened_before(order: list[str]) -> None:
    where = {"main": 1, "background": 5}
    assert salient(WORDS, TAGS, [event(name) for name in order], [where[name] for name in order]) == "main"


def test_the_first_sentence_goes_before_the_second() -> None:
    assert salient(WORDS, TAGS, [event("second"), event("first")], [10, 1]) == "first"


def test_the_present_goes_before_the_past() -> None:
    words, tags = ["Crowds", "gathered", "as", "police", "arrest", "him"], ["NNS", "VBD", "IN", "NNS", "VBP", "PRP"]
    assert salient(words, tags, [event("past"), event("present")], [1, 4]) == "present"


def test_a_type_that_cameras_rarely_see_steps_back() -> None:
    words, tags = ["Voters", "elect", "and", "greet", "her"], ["NNS", "VBP", "CC", "VBP", "PRP"]
    events = [event("unseen", "Personnel:Elect"), event("seen", "Contact:Meet")]
    assert salient(words, tags, events, [1, 3]) == "unseen"
    assert salient(words, tags, events, [1, 3], {"Personnel:Elect"}) == "seen"
