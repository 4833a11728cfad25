"""Zero-shot event types: equal to open_clip's own classifier, read from the cache, and any ontology."""

import json
import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from clip_event.scenes import draw, plan
from clip_event.towers._open_clip import open_clip
from clip_event.zeroshot.calibration import Calibration
from clip_event.zeroshot.classifiers import Classifier, classifier, ensembles
from clip_event.zeroshot.model import ClipEvent
from clip_event.zeroshot.prompts import BACKGROUND, FORMS, prompts
from clip_event.zeroshot.text_cache import cached
from templates import load_ontology
from templates.formats import read_imsitu
from templates.ontology import parse_ontology

KITCHEN = parse_ontology(
    {
        "name": "kitchen",
        "events": {
            "Kitchen:Cook": {
                "gerund": "cooking",
                "sentences": ["{Cook} <cook> {Dish} [with {Tool}]", "{Dish} <be> cooked [with {Tool}]", "cooking"],
                "roles": {
                    "Cook": {"kinds": ["person"]},
                    "Dish": {"kinds": ["substance"]},
                    "Tool": {"kinds": ["object"]},
                },
            },
            "Kitchen:Quarrel": {
                "gerund": "quarrelling",
                "sentences": ["{Cook} <quarrel>"],
                "roles": {"Cook": {"kinds": ["person"]}},
                "mutual": True,
            },
        },
    },
    "kitchen",
)


@pytest.fixture(scope="module")
def model():
    return ClipEvent.load("mini")


def silent(model):
    """The same model, which can encode no text."""

    class Silent(ClipEvent):
        def encode_texts(self, texts, batch_size=256):
            raise AssertionError(f"encoded {texts}")

    return Silent(model.loaded, model.name, model.device)


def test_weights_and_accuracy_are_those_of_open_clips_own_classifier(model):
    """open_clip fills its templates, runs its texts at full length and normalises by itself."""
    news = load_ontology("news")
    ours = classifier(model, news, ("gerund",), None)
    names = [template.gerund for template in news.events.values()]
    theirs = open_clip.build_zero_shot_classifier(
        model.loaded.model, model.loaded.tokenizer, names, list(FORMS["gerund"])
    ).T
    torch.testing.assert_close(ours.weight, theirs, atol=1e-6, rtol=0)
    scenes = [plan(index, seed=3, split="dev") for index in range(96)]
    image = model.encode_images([draw(scene)[0] for scene in scenes])
    label = torch.tensor([ours.types.index(scene.type) for scene in scenes])
    accuracy = [float((image @ weight.T).argmax(1).eq(label).double().mean()) for weight in (ours.weight, theirs)]
    assert accuracy[0] == pytest.approx(accuracy[1], abs=1e-6)
    assert accuracy[0] > 5 / 57  # or it would be no test of a classifier


def test_classes_may_have_different_numbers_of_prompts(model):
    classes = [("a photo of an arrest.",), ("a photo of a speech.", "a person speaks.", "someone speaking.")]
    rows = [np.stack([model.encode_texts([text])[0].double().numpy() for text in each]) for each in classes]
    means = np.stack([row.mean(0) for row in rows])
    expected = means / np.linalg.norm(means, axis=1, keepdims=True)
    np.testing.assert_allclose(ensembles(model, classes).numpy(), expected, atol=1e-6)
    assert ensembles(model, []).shape == (0, 256)


def test_a_second_start_encodes_no_text(model, tmp_path):
    news = load_ontology("news")
    first = classifier(model, news, cache=tmp_path)
    again = classifier(silent(model), news, cache=tmp_path)
    assert torch.equal(first.weight, again.weight)
    assert torch.equal(first.background, again.background)
    assert first.names == again.names == (*news.events, "none")
    assert [path.suffix for path in tmp_path.iterdir()] == [".safetensors"]


def test_what_the_embeddings_depend_on_is_encoded_anew(model, tmp_path):
    classifier(model, KITCHEN, ("gerund",), tmp_path)
    changed = KITCHEN.model_copy(update={"version": "2"})
    other = ClipEvent(replace(model.loaded, config={**model.loaded.config, "text_cfg": {}}), "other", model.device)
    for asked in ((model, changed, ("gerund",)), (model, KITCHEN, ("noun",)), (other, KITCHEN, ("gerund",))):
        with pytest.raises(AssertionError, match="encoded"):
            classifier(silent(asked[0]), *asked[1:], tmp_path)


@pytest.mark.parametrize("fault", ["empty", "cut", "text", "foreign", "shape", "nan"])
def test_a_broken_or_foreign_file_in_the_cache_is_made_again(model, tmp_path, fault):
    expected = classifier(model, KITCHEN, cache=tmp_path)
    (path,) = tmp_path.iterdir()
    content = path.read_bytes()
    header = {"key": "another"} if fault == "foreign" else _header(content)
    rows = {"types": expected.weight, "background": expected.background}
    rows |= {"shape": {"types": expected.weight[:1]}, "nan": {"types": expected.weight * math.nan}}.get(fault, {})
    if fault in ("empty", "cut", "text"):
        path.write_bytes({"empty": b"", "cut": content[:-9], "text": b"no tensors here at all"}[fault])
    else:
        save_file({name: row.contiguous() for name, row in rows.items()}, path, metadata=header)
    assert torch.equal(classifier(model, KITCHEN, cache=tmp_path).weight, expected.weight)
    assert torch.equal(classifier(silent(model), KITCHEN, cache=tmp_path).weight, expected.weight)


def _header(content):
    length = int.from_bytes(content[:8], "little")
    return json.loads(content[8 : 8 + length])["__metadata__"]


def test_without_a_cache_it_goes_on(model, tmp_path):
    (tmp_path / "file").write_text("")
    expected = classifier(model, KITCHEN, cache=None)
    assert torch.equal(classifier(model, KITCHEN, cache=tmp_path / "file").weight, expected.weight)
    assert torch.equal(classifier(model, KITCHEN, cache=tmp_path / "file" / "below").weight, expected.weight)
    assert (tmp_path / "file").read_text() == ""


def test_nothing_half_written_stays_in_the_cache(tmp_path):
    folder = tmp_path / "cache"
    with pytest.raises(ZeroDivisionError):
        cached(folder, {"a": 1}, {"x": (1,)}, lambda: {"x": 1 / 0})
    assert not folder.exists()
    cached(folder, {"a": 1}, {"x": (1,)}, lambda: {"x": torch.ones(1)})
    assert len(list(folder.iterdir())) == 1


def test_prompts_of_a_users_ontology_say_each_type_in_its_own_words():
    assert prompts(KITCHEN, ("sentence",))["Kitchen:Cook"][::2] == (
        "A person cooks a substance.",
        "A substance is cooked.",
    )
    assert prompts(KITCHEN, ("sentence",))["Kitchen:Quarrel"][0] == "People quarrel."
    assert prompts(KITCHEN, ("noun",)) == {
        "Kitchen:Cook": ("a photo of cooking.", "a news photo of cooking."),
        "Kitchen:Quarrel": tuple(form.format("quarrelling") for form in FORMS["gerund"]),  # it has no noun
    }


def test_prompts_of_the_open_ontology_are_made_of_lemmas():
    found = prompts(["carry", "dress up"])
    assert list(found) == ["carry", "dress up"]
    assert {"a photo of people carrying.", "A person carries something."} <= set(found["carry"])
    assert "a photo of dressing up." in found["dress up"]


def test_prompts_of_roles_that_anything_may_fill_go_by_their_labels(tmp_path):
    """imSitu says nothing of kinds; a first draft had persons drink a person."""
    roles = {"agent": {"def": "x"}, "liquid": {"def": "x"}}
    verb = {"abstract": "the AGENT drinks a LIQUID", "order": ["agent", "liquid"], "roles": roles}
    (tmp_path / "space.json").write_text(json.dumps({"verbs": {"drinking": verb}}))
    assert "A person drinks something." in prompts(read_imsitu(tmp_path / "space.json"))["drinking"]


def test_every_prompt_of_the_news_ontology_is_whole():
    found = prompts(load_ontology("news"))
    texts = [text for each in found.values() for text in each]
    assert not [text for text in texts if any(mark in text for mark in "{}[]<>") or "  " in text or ".." in text]
    assert all(len(set(each)) == len(each) and 4 <= len(each) <= 20 for each in found.values())


def test_logits_are_scaled_cosines_with_the_background_behind_them():
    """Worked by hand: two types at right angles, two background prompts."""
    ask = Classifier(("A", "B"), torch.eye(3)[:2], torch.eye(3)[1:], 2.0)
    image = torch.tensor([[0.6, 0.8, 0.0]])
    level = math.log((math.exp(2 * 0.8) + math.exp(0.0)) / 2) / 2
    expected = [2 * 0.6, 2 * 0.8, 2 * level]
    assert ask.logits(image)[0].tolist() == pytest.approx(expected, abs=1e-6)
    total = sum(map(math.exp, expected))
    assert ask.probabilities(image)[0].tolist() == pytest.approx([math.exp(x) / total for x in expected], abs=1e-6)
    fitted = Calibration(scale=10.0, threshold=0.25, slope=1.0)
    assert ask.logits(image, fitted)[0].tolist() == pytest.approx([6, 8, 10 * (level + 0.25)], abs=1e-5)
    twice = replace(ask, background=torch.cat([ask.background] * 2))
    torch.testing.assert_close(twice.level(image), ask.level(image))


def test_fewer_types_keep_their_rows(model):
    ask = classifier(model, KITCHEN, cache=None)
    less = ask.only(["Kitchen:Quarrel"])
    assert less.names == ("Kitchen:Quarrel", "none")
    assert torch.equal(less.weight, ask.weight[1:])
    with pytest.raises(ValueError, match="'Kitchen:Bake' is not in the classifier; it has Kitchen:Cook"):
        ask.only(["Kitchen:Bake"])


def test_without_types_there_is_the_background(model):
    ask = classifier(model, (), cache=None)
    image = model.encode_texts(["a landscape.", "Police arrest a man."])
    assert ask.background.shape == (len(BACKGROUND), 256)
    assert ask.probabilities(image).tolist() == [[1.0], [1.0]]


@pytest.mark.parametrize(
    ("types", "styles", "says"),
    [
        (KITCHEN, ("gerunds",), "found 'gerunds', expected some of gerund, noun, sentence"),
        (KITCHEN, (), "found none"),
        (["carry", "carry"], ("gerund",), "'carry' stands twice"),
        (["none"], ("gerund",), "rename it"),
    ],
)
def test_what_cannot_be_asked_is_refused(model, types, styles, says):
    with pytest.raises(ValueError, match=says):
        classifier(model, types, styles, None)
