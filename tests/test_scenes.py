"""Generated scenes: what is planned is balanced, what is said is gold, what is drawn is there."""

import json
import re
from collections import Counter, defaultdict
from dataclasses import replace
from datetime import datetime
from itertools import combinations, product
from pathlib import Path
from random import Random

import numpy as np
import pytest
from PIL import Image

from clip_event.scenes import SPLITS, draw, plan, record_of, scenes
from clip_event.scenes.actors import KINDS, actor
from clip_event.scenes.acts import ACTS, INSTRUMENTS, THINGS, wordings
from clip_event.scenes.body import Body, Pose, Spot
from clip_event.scenes.canvas import Canvas
from clip_event.scenes.places import PLACES
from clip_event.scenes.plans import tournament
from templates.english import indefinite, plural_of
from templates.events import parse_record, read_events
from templates.ontology import load_ontology

SYMMETRIC = "Contact:Meet"


def planned(count, **options):
    return [plan(index, **options) for index in range(count)]


def test_the_world_is_as_large_as_promised():
    directed = [name for name, act in ACTS.items() if act.agent != act.patient]
    assert len(directed) >= 12
    assert len(KINDS) >= 14
    assert len(INSTRUMENTS) >= 10
    assert len(PLACES) >= 8
    assert {name for act in ACTS.values() for name in act.instruments} == INSTRUMENTS.keys()
    assert {name for act in ACTS.values() for name in act.things} == THINGS.keys()


def test_a_tournament_has_every_pair_once_and_everybody_once_a_round():
    rounds = tournament(tuple("abcdefgh"))
    assert all(sorted("".join(map("".join, games))) == list("abcdefgh") for games in rounds)
    games = [frozenset(game) for one in rounds for game in one]
    assert sorted(map(sorted, games)) == sorted(map(list, combinations("abcdefgh", 2)))


def test_no_triple_of_agent_event_and_patient_stands_in_two_splits_whatever_the_seeds():
    seen = defaultdict(set)
    for split, seed in product(SPLITS, (0, 7)):
        for scene in planned(4000, split=split, seed=seed):
            seen[split].add((scene.agent, scene.type, scene.patient))
    assert all(seen[a].isdisjoint(seen[b]) for a, b in combinations(SPLITS, 2))
    assert len(seen["dev"]) == len(seen["test"]) == 2 * len(ACTS) * len(KINDS), "two rounds, both ways"


@pytest.mark.parametrize("split", SPLITS)
@pytest.mark.parametrize("count", [4000, 999])
def test_in_every_type_every_kind_is_agent_as_often_as_patient(split, count):
    balance, types = Counter(), Counter()
    for scene in planned(count, split=split, seed=3):
        balance[scene.type, scene.agent] += 1
        balance[scene.type, scene.patient] -= 1
        types[scene.type] += 1
    assert max(map(abs, balance.values())) <= count % 2
    assert max(types.values()) - min(types.values()) <= 2


def test_in_whole_rounds_every_kind_takes_part_equally_often():
    rounds = 11 * 8 * len(ACTS) * 2
    agents = Counter((scene.type, scene.agent) for scene in planned(rounds))
    assert set(agents.values()) == {11}
    assert len(agents) == len(ACTS) * len(KINDS)


def exchanged(caption: str, first: str, second: str) -> str:
    """The caption with one word for the other, also where a capital or a plural stands."""
    new = {first: second, second: first}
    new |= {a.capitalize(): b.capitalize() for a, b in new.items()}
    return re.sub("|".join(sorted(new, key=len, reverse=True)), lambda match: new[match[0]], caption)


def test_twins_say_the_same_with_the_actors_exchanged():
    for one, other in zip(planned(800)[::2], planned(800)[1::2], strict=True):
        assert (one.type, one.agent, one.patient, one.place, one.instrument, one.thing, one.number) == (
            *(other.type, other.patient, other.agent, other.place, other.instrument, other.thing, other.number),
        )
        said = record_of(other)["caption"]
        assert exchanged(record_of(one)["caption"], one.agent, one.patient) == said


def test_a_judge_of_the_text_alone_is_no_better_than_chance():
    text, linear = pytest.importorskip("sklearn.feature_extraction.text"), pytest.importorskip("sklearn.linear_model")

    def sides(split, count):
        """Each true sentence with its roles, and the same with agent and patient exchanged."""
        true, false = [], []
        for scene in planned(count, split=split, seed=1):
            if scene.type != SYMMETRIC:
                record = record_of(scene)
                words, (event,) = record["caption"].replace("police officer", "officer"), record["events"]
                swapped = exchanged(words, *(kind.split()[-1] for kind in (scene.agent, scene.patient)))
                for sentence, agent, patient in (
                    (words, scene.agent, scene.patient),
                    (swapped, scene.patient, scene.agent),
                ):
                    roles = f" agent={agent} patient={patient} {event['type']}/{agent} {event['type']}//{patient}"
                    (true if sentence is words else false).append(sentence + roles)
        return true, false

    vectorizer = text.CountVectorizer(ngram_range=(1, 3), token_pattern=r"\S+", min_df=2)
    (true, false), (dev_true, dev_false) = sides("train", 4000), sides("dev", 1500)
    vectorizer.fit(true)
    first, second = vectorizer.transform(true), vectorizer.transform(false)
    signs = np.where(np.arange(len(true)) % 2, 1, -1)
    judge = linear.LogisticRegression(fit_intercept=False, max_iter=300).fit(
        (first - second).multiply(signs[:, None]), signs
    )
    margins = judge.decision_function(vectorizer.transform(dev_true) - vectorizer.transform(dev_false))
    accuracy = ((margins > 0) + 0.5 * (margins == 0)).mean()
    assert 0.45 <= accuracy <= 0.55


@pytest.mark.parametrize("split", SPLITS)
def test_records_are_gold_of_the_news_ontology(split):
    ontology, seen = load_ontology(), set()
    for scene in planned(1500, split=split, seed=2):
        record = parse_record(record_of(scene), "scene")
        record.check(ontology)
        (event,), act, template = record.events, ACTS[scene.type], ontology[scene.type]
        assert event.trigger.text.isalpha()
        several = "s" if scene.number > 1 else ""
        assert {act.agent, act.patient} <= {argument.role for argument in event.arguments}
        assert scene.agent + several in [a.text.lower() for a in event.fillers(act.agent)]
        assert scene.patient + several in [a.text.lower() for a in event.fillers(act.patient)]
        for argument in event.arguments:
            assert argument.entity in template.roles[argument.role].kinds
            assert argument.text.split()[0].lower() not in ("a", "an", "the", "two")
        assert record.caption[:1].isupper()
        assert not re.search(r"  |[{}<>\[\]|]| [.,]", record.caption)
        seen.add(scene.type)
    assert seen == ACTS.keys()


def test_every_wording_names_both_actors_and_one_trigger():
    for name, act in ACTS.items():
        for wording in wordings(name):
            assert Counter(re.findall(r"\{.\}|<", wording))["{A}"] == wording.count("{P}") == wording.count("<") == 1
            assert ("{T}" in wording) == (act.thing == "Artifact")


def test_nouns_take_the_articles_and_plurals_that_captions_give_them():
    counted = [name for name, noun in (INSTRUMENTS | THINGS).items() if noun.counted]
    for noun in (*KINDS, *PLACES, *counted):
        assert indefinite(noun) == f"a {noun}"
    for noun in (*KINDS, *(name for act in ACTS.values() if act.several for name in act.instruments)):
        assert plural_of(noun) == f"{noun}s"


def test_weekdays_are_those_of_their_dates():
    found = [re.search(r"(\w+day), (\w+ \d+, \d{4})", record_of(scene)["caption"]) for scene in planned(400)]
    dates = [(match[1], datetime.strptime(match[2], "%B %d, %Y")) for match in found if match]
    assert len(dates) > 30
    assert all(f"{day:%A}" == weekday for weekday, day in dates)


def test_without_instruments_the_scenes_are_the_same_but_for_them():
    for with_one, without in zip(planned(300, instruments=1), planned(300, instruments=0), strict=True):
        assert replace(with_one, instrument=None) == without
        words, fewer = (Counter(re.findall(r"\w+", record_of(scene)["caption"])) for scene in (with_one, without))
        assert not fewer - words
        missing = set(words - fewer) - {"with", "using", "on", "in", "a"}
        assert missing <= {word + s for word in (with_one.instrument or "").split() for s in ("", "s")}
    share = [scene.instrument is not None for scene in planned(2000, instruments=0.5) if ACTS[scene.type].instruments]
    assert np.mean(share) == pytest.approx(0.5, abs=0.06)


def every_scene():
    """One scene for each type with each of its instruments and things, and with one or two of each side."""
    for name, act in ACTS.items():
        base = next(scene for scene in planned(2 * len(ACTS)) if scene.type == name)
        numbers = (1, 2) if act.several else (1,)
        for instrument, thing, number in product((None, *act.instruments), act.things or (None,), numbers):
            yield replace(base, instrument=instrument, thing=thing, number=number)


@pytest.mark.parametrize("size", [48, 96, 200])
def test_every_type_is_drawn_with_boxes_of_who_and_what_takes_part(size):
    for scene in every_scene():
        image, boxes = draw(scene, size)
        act = ACTS[scene.type]
        wanted = Counter({act.agent: scene.number}) + Counter({act.patient: scene.number})
        assert {role: len(found) for role, found in boxes.items() if role in wanted} == wanted
        assert ("Instrument" in boxes) == (scene.instrument is not None)
        assert image.size == (size, size)
        for x0, y0, x1, y1 in (box for found in boxes.values() for box in found):
            assert 0 <= x0 < x1 <= size
            assert 0 <= y0 < y1 <= size


@pytest.mark.parametrize("seed", range(40))
def test_a_box_holds_just_the_pixels_that_were_drawn(seed):
    r = Random(seed)
    canvas = Canvas(96, zoom=r.uniform(0.8, 1.2), shift=(r.uniform(-9, 9), r.uniform(-9, 9)), mirrored=r.random() < 0.5)
    canvas.rectangle(-50, -50, 150, 150, (200, 180, 90))
    before = np.asarray(canvas.image()).astype(int)
    spot = Spot(r.uniform(15, 85), r.uniform(70, 110), r.uniform(30, 70), r.choice((-1, 1)))
    pose = Pose((0, r.uniform(0.1, 0.47)), r.uniform(-90, 90), 0, ((r.uniform(-0.4, 0.4), 0.8), (0.2, 0.5)))
    with canvas.boxed() as box:
        Body(actor(r.choice(list(KINDS)), r), spot, pose).draw(canvas)
    changed = np.abs(np.asarray(canvas.image()) - before).max(axis=2) > 25
    rows, columns = np.flatnonzero(changed.any(axis=1)), np.flatnonzero(changed.any(axis=0))
    drawn = (columns[0], rows[0], columns[-1] + 1, rows[-1] + 1)
    outside = np.multiply(np.subtract(box, drawn), (-1, -1, 1, 1))  # how much larger the box is, side by side
    assert outside.min() >= -1
    assert outside.max() <= 2 or min(box) == 0 or max(box) == 96, "tight, where nothing is cut off"


def test_left_and_right_do_not_tell_the_roles():
    left = []
    for scene in (scene for scene in planned(600) if scene.type != SYMMETRIC and scene.number == 1):
        _, boxes = draw(scene, 48)
        agent, patient = (boxes[role][0] for role in (ACTS[scene.type].agent, ACTS[scene.type].patient))
        left.append(agent[0] + agent[2] < patient[0] + patient[2])
    assert np.mean(left) == pytest.approx(0.5, abs=0.08)  # 3.5 standard deviations


def test_kinds_are_told_apart_by_their_dress():
    linear = pytest.importorskip("sklearn.linear_model")
    pictures, kinds = [], []
    for number, kind in product(range(24), KINDS):
        r = Random(f"{number}|{kind}")
        canvas = Canvas(96, mirrored=r.random() < 0.5)
        PLACES[r.choice(list(PLACES))].paint(canvas, r, 60)
        with canvas.boxed() as box:
            spot = Spot(r.uniform(35, 65), 90, r.uniform(50, 60))
            Body(actor(kind, r), spot, Pose(lean=r.uniform(-10, 30))).draw(canvas)
        pictures.append(np.asarray(canvas.image().resize((12, 24), Image.Resampling.BOX, box=box)).ravel() / 255)
        kinds.append(kind)
    half = len(kinds) * 2 // 3
    judge = linear.LogisticRegression(max_iter=400).fit(pictures[:half], kinds[:half])
    assert judge.score(pictures[half:], kinds[half:]) >= 0.9  # chance is 1 in 16


def test_exchanged_actors_give_another_picture():
    for scene in every_scene():
        twin = replace(scene, agent=scene.patient, patient=scene.agent)
        first, second = (np.asarray(draw(one, 96)[0]).astype(int) for one in (scene, twin))
        assert (np.abs(first - second).max(axis=2) > 40).mean() > 0.02


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def test_a_folder_holds_pictures_captions_and_gold(tmp_path):
    done = []
    scenes(tmp_path / "new" / "dev", 70, split="dev", seed=4, size=64, progress=done.append)
    folder = tmp_path / "new" / "dev"
    gold = list(read_events(folder / "gold.jsonl"))
    captions = [json.loads(line) for line in (folder / "captions.jsonl").read_text().splitlines()]
    assert captions == [{"id": record.id, "image": record.image, "caption": record.caption} for record in gold]
    assert len({record.id for record in gold}) == 70
    assert {path.name for path in folder.iterdir()} == {"images", "captions.jsonl", "gold.jsonl"}
    assert sorted(record.image for record in gold) == sorted(f"images/{p.name}" for p in (folder / "images").iterdir())
    for record in gold:
        with Image.open(folder / record.image) as image:
            assert (image.format, image.size, image.mode) == ("JPEG", (64, 64), "RGB")
        assert record.split == "dev"
        assert {record.scene["agent"], record.scene["patient"]} <= KINDS.keys()
    assert done == [64]


def test_a_seed_gives_the_same_bytes_and_fewer_scenes_are_the_first_of_more(tmp_path):
    for name, count, seed in (("a", 12, 1), ("b", 12, 1), ("c", 5, 1), ("d", 12, 2)):
        scenes(tmp_path / name, count, seed=seed)
    a, b, c, d = (contents(tmp_path / name) for name in "abcd")
    assert a == b
    for name in ("captions.jsonl", "gold.jsonl"):
        assert a[name].startswith(c.pop(name))
    assert c.items() <= a.items()
    assert not {a[name] for name in a} & {d[name] for name in d}


def test_an_interrupted_run_leaves_no_file_that_looks_whole(tmp_path):
    def stop(done):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        scenes(tmp_path, 100, size=48, progress=stop)
    assert {path.name for path in tmp_path.iterdir()} == {"images"}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"count": 0}, "count: found 0, expected 1 or more"),
        ({"size": 47}, "size: found 47, expected 48 to 1024"),
        ({"size": 5000}, "size: found 5000"),
        ({"split": "valid"}, "split: found 'valid', expected one of train, dev, test"),
        ({"instruments": 1.5}, "instruments: found 1.5, expected a share from 0 to 1"),
    ],
)
def test_bad_arguments_are_named_and_nothing_is_written(tmp_path, options, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        scenes(tmp_path / "out", **{"count": 1, **options})
    assert not (tmp_path / "out").exists()


def test_a_folder_with_something_in_it_and_a_file_are_refused(tmp_path):
    (tmp_path / "note.txt").write_text("mine")
    with pytest.raises(ValueError, match=r"is not empty.*give a new folder"):
        scenes(tmp_path, 1)
    with pytest.raises(ValueError, match=r"note\.txt: is a file, expected a folder"):
        scenes(tmp_path / "note.txt", 1)
    assert contents(tmp_path) == {"note.txt": b"mine"}
