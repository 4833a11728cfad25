"""Which event the photograph shows: hand-made captions, one sign against another."""

import pytest

from extraction import EventExtractor
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


def test_a_model_that_saw_the_photograph_can_turn_the_choice() -> None:
    events = [event("main"), event("background")]
    assert salient(WORDS, TAGS, events, [1, 5], agreement=[0.5, 0.5]) == "main"
    assert salient(WORDS, TAGS, events, [1, 5], agreement=[0.0, 1.0]) == "background"


def test_an_agreement_that_leaves_events_out_is_refused() -> None:
    with pytest.raises(ValueError, match="1 agreements for 2 events"):
        salient(WORDS, TAGS, [event("main"), event("background")], [1, 5], agreement=[1.0])


def test_the_extractor_asks_where_a_caption_has_several_events(news) -> None:
    asked = []

    def last_one(record, events):
        asked.append(record["image"])
        return [0.0] * (len(events) - 1) + [1.0]

    looking = EventExtractor(agreement=last_one)
    captions = ["Police arrest a man in Paris.", "Police arrest a man as mourners attend a funeral in Paris."]
    plain = list(news.stream({"caption": caption} for caption in captions))
    told = list(looking.stream({"caption": caption, "image": f"{n}.jpg"} for n, caption in enumerate(captions)))
    assert asked == ["1.jpg"]
    assert [record["salient"] for record in plain] == ["e0", "e0"]
    assert [record["salient"] for record in told] == ["e0", told[1]["events"][-1]["id"]]
