"""Training: nothing of dev is trained on, targets are where they should be, and it learns."""

import json
import random
from pathlib import Path

import pytest
import torch

from extraction.extractor import EventExtractor
from extraction.reader import Labels
from extraction.store import load_reader
from extraction.training.batches import batches, collate
from extraction.training.corpora import (
    annotated,
    captions_by_id,
    four_grams,
    read_jsonl,
    standing_off,
    without_overlap,
)
from extraction.training.examples import UNKNOWN
from extraction.training.recipe import OURS, gather, grow_labels, labels_of, train_on
from extraction.training.start import grow
from extraction.training.treebank import base_noun_phrases, head_of
from extraction.words import WordPieces
from templates.ontology import load_ontology, parse_ontology

NEWS = load_ontology("news")
LABELS = Labels(
    tuple(NEWS.events),
    ("Agent", "Person", "Place"),
    ("Agent", "Theme"),
    ("ARG0",),
    ("NN",),
    ("NOUN",),
    ("person", "place"),
)
CAPTION = "Riot police in Kabul arrest a young man."


def record(caption: str = CAPTION) -> dict:
    def span(text: str) -> dict:
        start = caption.index(text)
        return {"text": text, "start": start, "end": start + len(text)}

    arguments = [
        {"role": "Agent", **span("Riot police")},
        {"role": "Person", **span("young man")},
        {"role": "Place", **span("Kabul")},
    ]
    return {
        "id": "1",
        "caption": caption,
        "events": [{"id": "e0", "type": "Justice:Arrest-Jail", "trigger": span("arrest"), "arguments": arguments}],
    }


def test_targets_stand_at_triggers_and_heads() -> None:
    (example,) = annotated([record()], LABELS, NEWS)
    assert example.words == ["Riot", "police", "in", "Kabul", "arrest", "a", "young", "man", "."]
    arrest = 1 + LABELS.types.index("Justice:Arrest-Jail")
    assert example.trigger == [0, 0, 0, 0, arrest, 0, 0, 0, 0]
    (event,) = example.events
    assert event.roles == {1: 1, 7: 2, 3: 3}
    assert event.masked == {0, 6}
    assert example.link == [1, 0, 0, 0, UNKNOWN, 0, 1, 0, UNKNOWN]


def test_a_batch_holds_its_targets_and_masks_the_rest() -> None:
    _, tokenizer = load_reader()
    (example,) = annotated([record()], LABELS, NEWS)
    batch = collate([example], WordPieces(tokenizer))
    assert batch.roles["role"][0, :9].tolist() == [UNKNOWN, 1, 0, 3, 0, 0, UNKNOWN, 2, 0]
    assert (batch.roles["role"][0, 9:] == UNKNOWN).all()
    assert (batch.targets["tag"] == UNKNOWN).all()
    assert (batch.roles["propbank"] == UNKNOWN).all()


def test_batches_hold_every_example_once() -> None:
    _, tokenizer = load_reader()
    examples = list(annotated([record(f"{CAPTION} Number {n}.") for n in range(70)], LABELS, NEWS))
    seen = [
        words
        for batch in batches(examples, WordPieces(tokenizer), 8, random.Random(0), 200)
        for words in batch.captions
    ]
    assert sorted(map(tuple, seen)) == sorted(tuple(e.words) for e in examples)


def test_half_of_the_four_grams_is_too_much() -> None:
    dev = [{"caption": "a b c d e f g h"}]  # five 4-grams
    close = {"caption": "a b c d e f x y"}  # shares three of its five
    far = {"caption": "a b c d e x y z"}  # shares two of its five
    assert without_overlap([close, far], dev) == [far]


def test_overlap_is_the_same_as_a_brute_force_count() -> None:
    rng = random.Random(0)
    texts = [{"caption": " ".join(rng.choices("abc", k=rng.randint(2, 9)))} for _ in range(120)]
    held, rest = texts[:20], texts[20:]

    def clash(left: str, right: str) -> bool:
        a, b = four_grams(left), four_grams(right)
        return bool(a & b) and 2 * len(a & b) >= min(len(a), len(b))

    expected = [r for r in rest if not any(clash(r["caption"], h["caption"]) for h in held)]
    assert without_overlap(rest, held) == expected


def test_no_training_text_shares_half_of_its_four_grams_with_dev(corpora: Path) -> None:
    labels = labels_of(corpora, NEWS)
    found = gather(corpora, labels, NEWS)
    held = [
        four_grams(" ".join(r["caption"].split())) for r in (*found.dev, *found.open_dev, *found.tune, *found.open_tune)
    ]
    for example in (*found.typed, *found.open):
        grams = four_grams(" ".join(example.words))
        for dev in held:
            assert 2 * len(grams & dev) < min(len(grams), len(dev)) or len(grams & dev) == 0, example.words


def test_rams_and_wikievents_are_not_trained_on(corpora: Path) -> None:
    measured = {
        json.loads(line)["id"] for file in (corpora / "text/events").glob("[rw]*.jsonl") for line in file.open()
    }
    ours = {line["id"] for line in read_jsonl(OURS / "news.jsonl")}
    assert not ours & measured


def test_our_annotations_stand_on_their_texts(corpora: Path) -> None:
    texts = captions_by_id(corpora)
    for name in ("news.jsonl", "open.jsonl"):
        for line in standing_off(OURS / name, texts):
            for event in line["events"]:
                for span in (event["trigger"], *event["arguments"]):
                    assert span["text"].strip() == span["text"] != "", (line["id"], span)


def test_our_own_captions_are_valid_records() -> None:
    from templates.events import parse_record

    records = standing_off(OURS / "written.jsonl")
    for record in records:
        parse_record(record, record["id"]).check(NEWS)
    assert len(records) > 1000


def test_a_base_noun_phrase_leaves_out_determiner_and_quantity() -> None:
    rows = [
        ["1", "The", "the", "DET", "DT", "_", "4", "det"],
        ["2", "three", "three", "NUM", "CD", "_", "4", "nummod"],
        ["3", "old", "old", "ADJ", "JJ", "_", "4", "amod"],
        ["4", "men", "man", "NOUN", "NNS", "_", "5", "nsubj"],
        ["5", "left", "leave", "VERB", "VBD", "_", "0", "root"],
    ]
    assert base_noun_phrases(rows, [3, 3, 3, 4, -1]) == [0, 0, 1, 0, 0]


def test_the_head_of_a_span_hangs_outside_it() -> None:
    assert head_of(0, 3, [3, 0, 0, -1]) == 0


def test_growing_keeps_what_was_known() -> None:
    torch.manual_seed(0)
    reader, tokenizer = load_reader()
    spec = {
        "gerund": "x",
        "sentences": ["{New} {Place}"],
        "roles": {"New": {"kinds": ["person"]}, "Place": {"kinds": ["place"]}},
    }
    labels = grow_labels(reader.config.labels, parse_ontology({"name": "n", "events": {"New:Type": spec}}, "here"))
    grown = grow(reader, labels).eval()
    batch = WordPieces(tokenizer).batch([CAPTION.split()])
    outputs = []
    for network in (reader, grown):
        with torch.no_grad():
            vectors, early = network.encode(
                batch.pieces, batch.shapes, batch.piece_mask, batch.word_of, batch.word_mask.shape[1]
            )
            where, kind = torch.tensor([4]), torch.tensor([3])
            outputs.append((network.read(vectors), network.read_roles(early, batch.word_mask, where, where, kind)))
    (old, old_roles), (new, new_roles) = outputs
    count = len(reader.config.labels.types) + 1
    assert torch.allclose(old["trigger"][..., :count], new["trigger"][..., :count], atol=1e-5)
    assert torch.allclose(old["trigger"][..., -1], new["trigger"][..., -1], atol=1e-5)
    assert torch.allclose(old["tag"], new["tag"], atol=1e-5)
    assert torch.allclose(old_roles["role"], new_roles["role"][..., : old_roles["role"].shape[-1]], atol=1e-5)
    assert torch.allclose(old_roles["propbank"], new_roles["propbank"], atol=1e-5)


def test_a_new_type_is_learnt_from_a_few_captions(tmp_path: Path) -> None:
    spec = {
        "gerund": "juggling",
        "sentences": ["{Juggler} <juggle> {Thing}", "juggling"],
        "roles": {"Juggler": {"kinds": ["person"]}, "Thing": {"kinds": ["object"]}},
    }
    ontology = parse_ontology({"name": "circus", "events": {"Circus:Juggle": spec}}, "here")
    people = ["clown", "girl", "man", "boy", "woman", "student", "waiter", "soldier", "dancer", "monk"]
    things = ["balls", "knives", "plates", "rings", "bottles", "torches", "apples", "eggs"]
    lines = []
    for i, person in enumerate(people):
        for thing in things[:6] if i < 8 else ():
            caption = f"A {person} juggles {thing} in the park."
            at = {word: caption.index(word) for word in (person, thing, "juggles")}
            spans = {word: {"text": word, "start": start, "end": start + len(word)} for word, start in at.items()}
            arguments = [{"role": "Juggler", **spans[person]}, {"role": "Thing", **spans[thing]}]
            event = {"id": "e0", "type": "Circus:Juggle", "trigger": spans["juggles"], "arguments": arguments}
            lines.append({"caption": caption, "events": [event]})
            plain = f"A {person} carries {thing} in the park."
            lines.append({"caption": plain, "events": []})
    path = tmp_path / "mine.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    train_on([path], tmp_path / "reader", ontology=ontology, epochs=4, report=lambda line: None)
    extractor = EventExtractor(ontology, reader=tmp_path / "reader", device="cpu")
    new, other = extractor.extract(["A monk juggles eggs in the street.", "A monk carries eggs in the street."])
    (event,) = new["events"]
    assert {(a["role"], a["text"]) for a in event["arguments"]} == {("Juggler", "monk"), ("Thing", "eggs")}
    assert other["events"] == []


def test_an_unknown_role_is_named_before_training(tmp_path: Path) -> None:
    bad = record()
    bad["events"][0]["arguments"][0]["role"] = "Boss"
    path = tmp_path / "mine.jsonl"
    path.write_text(json.dumps(bad) + "\n")
    with pytest.raises(ValueError, match="Boss"):
        train_on([path], tmp_path / "reader")
