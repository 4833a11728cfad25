"""What is measured, counted by hand and by loops; what a run writes to its folder."""

import json
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from loops import KINDS, encoder, examples, missed, picture, tokens
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from torch import Tensor

from clip_event.data.batches import Collate, Example, Missed, Stated
from clip_event.data.sources import Item
from clip_event.pictures.reading import PictureError
from clip_event.tuning.checkpoint import CHECKPOINT, CheckpointError, load_checkpoint, save_checkpoint
from clip_event.tuning.metrics import METRICS, metrics
from clip_event.tuning.validation import Check, Result, Validation, by_kind, caption_of, hardest, retrieval
from templates.events import CaptionEvents

COLLATE = Collate(tokens, KINDS, (3, 32, 32))


def check(margin: float, kind: str = "role", name: str = "a") -> Check:
    return Check(name, "a.jpg", kind, "yes", "no", margin)


def test_accuracy_is_by_kind_and_a_tie_counts_half() -> None:
    checks = [check(0.1), check(-0.1), check(0.0), check(2.0, "event"), check(0.0, "event")]
    found = by_kind(checks)
    assert found == {"event": {"accuracy": 0.75, "pairs": 2}, "role": {"accuracy": 0.5, "pairs": 3}}
    assert Result({"pairs": found}).accuracy == 0.625  # the mean over kinds, however many pairs each has
    assert Result({"pairs": {}}).accuracy == 0


def unit(seed: int, *shape: int) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.nn.functional.normalize(torch.randn(*shape, generator=generator), dim=-1)


def recall_by_loop(image: np.ndarray, text: np.ndarray, captions: list[str], gallery: int, most: int) -> list[float]:
    size, hits = min(gallery, len(image)), [[], []]
    for start in range(0, len(image) - size + 1, size):
        for one in range(start, start + size):
            for way, (asked, others) in enumerate([(image[one], text), (text[one], image)]):
                cosines = [(float(asked @ others[n]), captions[n] == captions[one]) for n in range(start, start + size)]
                best = max(cosine for cosine, right in cosines if right)
                wrong = sum(cosine >= best for cosine, right in cosines if not right)
                hits[way].append(wrong < most)
    return [float(np.mean(each)) for each in hits]


@pytest.mark.parametrize("gallery", [5, 8, 20, 500])
@pytest.mark.parametrize("seed", range(3))
def test_retrieval_is_a_loop_over_galleries_with_equal_captions_as_right(seed: int, gallery: int) -> None:
    captions = [
        f"caption {number}" for number in torch.randint(14, (20,), generator=torch.Generator().manual_seed(seed))
    ]
    image, each = unit(seed, 20, 4), unit(seed + 9, 14, 4)
    text = each[[int(caption.split()[1]) for caption in captions]]
    found = retrieval(image + text / 2, text, captions, gallery)
    assert found["images"] == min(gallery, 20)
    for most in (1, 5):
        expected = recall_by_loop((image + text / 2).numpy(), text.numpy(), captions, gallery, most)
        assert [found["image_to_text"][f"r{most}"], found["text_to_image"][f"r{most}"]] == pytest.approx(expected)


def test_a_model_that_sees_no_difference_finds_nothing() -> None:
    alike = torch.ones(6, 3) / 3**0.5
    found = retrieval(alike, alike, [f"caption {n}" for n in range(6)], 6)
    assert found["image_to_text"] == found["text_to_image"] == {"r1": 0.0, "r5": 0.0}
    assert retrieval(alike, alike, ["rain"] * 6, 6)["image_to_text"] == {"r1": 1.0, "r5": 1.0}


def test_embeddings_rounded_to_half_precision_are_still_found() -> None:
    vectors = unit(0, 8, 64).bfloat16().float()
    assert retrieval(vectors, vectors, [f"caption {n}" for n in range(8)], 8)["image_to_text"]["r1"] == 1.0


def test_the_hardest_come_first_beside_what_they_were() -> None:
    before = Result({}, [check(0.3, name="a"), check(-0.2, name="b"), check(0.1, name="c")])
    after = Result({}, [check(0.2, name="a"), check(0.4, name="b"), check(-0.5, name="c")])
    found = hardest(before, after, 2)
    assert [(one["id"], one["before"], one["after"]) for one in found] == [("c", 0.1, -0.5), ("a", 0.3, 0.2)]
    assert found[0].keys() == {"id", "image", "kind", "positive", "negative", "before", "after"}
    assert hardest(before, after, 9)[1:] == hardest(before, after, 3)[1:]


class Held:
    """Examples by number with captions, as `Examples` gives them."""

    def __init__(self, given: list[Example | Missed]) -> None:
        self.given = given
        self.source = [
            Item(
                number, one.id, CaptionEvents(caption=f"FILE - caption {number % 7}.", events=[]), b"", f"{one.id}.jpg"
            )
            for number, one in enumerate(given)
        ]

    def of(self, item: Item, epoch: int) -> Example | Missed:
        assert epoch == 0  # the same texts in every pass
        return self.given[item.number]


def held() -> Held:
    given: list[Example | Missed] = list(examples(12, 4))
    several = [(f"style {n}", [("role", f"no {n}"), ("event", f"never {n}")][:n]) for n in range(3)]
    given[4] = Example("many", picture(4), [Stated(1, several), Stated(2, [("alone", [])]), Stated(3, several[::-1])])
    given[0], given[5], given[11] = missed(0), missed(5), missed(11)
    assert any(not one.stated for one in given if isinstance(one, Example))
    for one in given:
        if isinstance(one, Example):
            one.image.data = one.image.float()
    return Held(given)


def validation(given: Held, numbers: list[int], batch: int, workers: int = 0) -> Validation:
    return Validation(given, numbers, COLLATE, 4, batch, workers)  # type: ignore[arg-type]


@pytest.mark.parametrize(("batch", "workers"), [(1, 0), (4, 2), (100, 0)])
def test_every_pair_is_measured_with_its_own_picture(batch: int, workers: int) -> None:
    given, made = held(), encoder()
    made.model.float().train()
    numbers = [3, 0, 4, 1, 2, 5, 8, 7, 6, 9, 10, 11]
    found = validation(given, numbers, batch, workers).run(made)
    assert made.model.training
    made.model.eval()
    expected = []
    with torch.no_grad():
        for number in numbers:
            one = given.given[number]
            if isinstance(one, Missed):
                continue
            image = made.images(one.image[None])[0][0]
            for stated in one.stated:
                for positive, negatives in stated.texts:
                    for kind, negative in negatives:
                        true, false = made.texts(tokens([positive, negative]))
                        margin = float(image @ true - image @ false)
                        expected.append((one.id, f"{one.id}.jpg", kind, positive, negative, margin))
    assert len(expected) > 15
    for one, (*told, margin) in zip(found.checks, expected, strict=True):
        assert [one.id, one.image, one.kind, one.positive, one.negative] == told
        assert one.margin == pytest.approx(margin, abs=1e-5)
    there = [number for number in numbers if isinstance(given.given[number], Example)]
    captions = made.texts(tokens([f"caption {number % 7}." for number in there]))
    images = made.images(torch.stack([given.given[number].image for number in there]))[0]
    torch.testing.assert_close(found.text, captions.detach(), atol=1e-5, rtol=0)
    torch.testing.assert_close(found.image, images.detach(), atol=1e-5, rtol=0)
    said = [f"caption {number % 7}." for number in there]
    assert found.scores["retrieval"] == retrieval(found.image, found.text, said, 4)
    assert "retention" not in found.scores


def test_retention_is_the_cosine_with_the_model_before() -> None:
    given, made = held(), encoder()
    made.model.float()
    checked = validation(given, list(range(12)), 5)
    before = checked.run(made)
    assert checked.run(made, before).scores["retention"] == pytest.approx({"image": 1, "text": 1})
    with torch.no_grad():
        made.model.visual.proj.neg_()  # every picture's embedding turns round, no text's does
    after = checked.run(made, before)
    assert after.scores["retention"] == pytest.approx({"image": -1, "text": 1})
    assert [one.margin for one in after.checks] == pytest.approx([-one.margin for one in before.checks], abs=1e-5)
    assert "-1.000/1.000" in after.line("end")


def test_validation_without_a_readable_picture_is_refused() -> None:
    with pytest.raises(ValueError, match="no photograph"):
        validation(held(), [0, 5], 2).run(encoder())


def test_the_caption_that_a_photograph_is_found_by() -> None:
    nowhere = PictureError("", "")
    said = CaptionEvents(caption="FILE - Police arrest a man. (AP Photo/Ann Lee)", events=[])
    assert caption_of(Item(0, 0, said, nowhere, "")) == "Police arrest a man."
    rows = [{"pairs": []}, {"pairs": [{"positive": "first"}, {"positive": "second"}]}]
    assert caption_of(Item(0, 0, rows, nowhere, "")) == "first"
    assert caption_of(Item(0, 0, [{"pairs": []}], nowhere, "")) == ""


def test_metrics_go_on_after_a_line_that_was_cut(tmp_path: Path) -> None:
    with metrics(tmp_path) as written:
        written.write("step", step=1, loss=0.5, note="é")
    kept = (tmp_path / METRICS).read_bytes()
    for cut in (b'{"event": "st', b'{"note": "\xc3', b""):
        (tmp_path / METRICS).write_bytes(kept + cut)
        with metrics(tmp_path) as written:
            written.write("step", step=2, loss=0.25)
            lines = [json.loads(line) for line in (tmp_path / METRICS).read_text("utf-8").splitlines()]  # at once
        assert [(line["step"], line["loss"]) for line in lines] == [(1, 0.5), (2, 0.25)]
    (tmp_path / METRICS).write_bytes(b'{"event"')
    with metrics(tmp_path):
        pass
    assert (tmp_path / METRICS).read_bytes() == b""
    with metrics(None) as nothing:
        assert nothing is None


def test_a_run_that_goes_on_takes_back_what_it_does_again(tmp_path: Path) -> None:
    def told() -> list[Any]:
        lines = [json.loads(line) for line in (tmp_path / METRICS).read_text("utf-8").splitlines()]
        return [line.get("step", line["event"]) for line in lines]

    with metrics(tmp_path) as written:
        written.write("plan", base="mini")
        for step in range(1, 7):
            written.write("step", step=step, loss=1 / step)
            if step % 2 == 0:
                written.write("evaluation", step=step, when="end" if step == 6 else "epoch", accuracy=0.5)
        written.write("missing", count=1, seen=2)
        written.write("evaluation", step=6, when="alpha", alpha=0.5)
        written.write("chosen", alpha=0.5)
    at_6 = ["plan", 1, 2, 2, 3, 4, 4, 5, 6, 6]
    assert told() == [*at_6, "missing", 6, "chosen"]
    for after in (6, 5, 4):
        with metrics(tmp_path, after=after) as written:
            assert told() == [one for one in at_6 if one == "plan" or one <= after]
            written.write("stopped", reason="a loss is not finite")
    with metrics(tmp_path, after=4) as written:
        written.write("step", step=5, loss=9.0)
    assert told() == ["plan", 1, 2, 2, 3, 4, 4, 5]
    curves = EventAccumulator(str(tmp_path / "tensorboard")).Reload()
    assert [(point.step, point.value) for point in curves.Scalars("step/loss")][-2:] == [(4, 0.25), (5, 9.0)]


def trained(steps: int) -> tuple[torch.nn.Module, torch.optim.Optimizer]:
    model = torch.nn.Linear(3, 2)
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.1)
    for step in range(steps):
        optimizer.zero_grad()
        (model(torch.full((1, 3), float(step + 1))) ** 2).sum().backward()
        optimizer.step()
    return model, optimizer


def test_a_run_stands_where_it_stood(tmp_path: Path) -> None:
    model, optimizer = trained(3)
    save_checkpoint(tmp_path, 3, model, optimizer, "settings")
    other, its = trained(1)
    assert load_checkpoint(tmp_path, other, its, "settings") == 3
    for one, by in ((model, optimizer), (other, its)):
        by.zero_grad()
        one(torch.ones(1, 3)).sum().backward()
        by.step()
    assert torch.equal(model.weight, other.weight)


def test_a_checkpoint_is_there_until_the_next_is_whole(tmp_path: Path) -> None:
    save_checkpoint(tmp_path, 3, *trained(3), "settings")
    whole = (tmp_path / CHECKPOINT).read_bytes()

    class Breaks(torch.nn.Linear):
        def state_dict(self, *args: object, **kwargs: object) -> dict[str, object]:
            return {"weight": self.weight, "cannot be pickled": (n for n in ())}

    with pytest.raises(TypeError):
        save_checkpoint(tmp_path, 4, Breaks(3, 2), trained(1)[1], "settings")
    assert (tmp_path / CHECKPOINT).read_bytes() == whole
    save_checkpoint(tmp_path, 4, *trained(4), "settings")
    assert load_checkpoint(tmp_path, *trained(1), "settings") == 4
    assert [path.name for path in tmp_path.iterdir()] == [CHECKPOINT]


class Harm:
    def __reduce__(self):
        return (Path.touch, (Path("harm-was-done"),))


def test_a_checkpoint_of_other_settings_or_of_code_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(CheckpointError, match="holds no checkpoint"):
        load_checkpoint(tmp_path, *trained(1), "settings")
    save_checkpoint(tmp_path, 3, *trained(3), "settings")
    model, optimizer = trained(1)
    weight = model.weight.clone()
    with pytest.raises(CheckpointError, match="other settings"):
        load_checkpoint(tmp_path, model, optimizer, "others")
    assert torch.equal(model.weight, weight)
    for content in (
        b"",
        b"text",
        pickle.dumps({"config": Harm()}, protocol=2),
        (tmp_path / CHECKPOINT).read_bytes()[:400],
    ):
        (tmp_path / CHECKPOINT).write_bytes(content)
        with pytest.raises(CheckpointError, match="is no checkpoint"):
            load_checkpoint(tmp_path, model, optimizer, "settings")
    torch.save({"config": "settings", "model": Harm()}, tmp_path / CHECKPOINT)
    with pytest.raises(CheckpointError, match="is no checkpoint"):
        load_checkpoint(tmp_path, model, optimizer, "settings")
    assert not Path("harm-was-done").exists()
