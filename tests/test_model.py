"""`ClipEvent`: embeddings against open_clip's own, the fingerprint of the text tower, events in the caller's words."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from asked import asked
from PIL import Image
from towers import CONTEXT, TEXTS, native, wordpiece

from clip_event.pictures.reading import PictureError
from clip_event.towers._open_clip import open_clip
from clip_event.zeroshot.model import ClipEvent, say
from templates.events import CaptionEvents
from templates.ontology import load_ontology

ROOT = Path(__file__).resolve().parent.parent
MODEL = asked()


def test_the_shipped_model_is_loaded_by_its_name() -> None:
    model = ClipEvent.load("mini", device="cpu")
    assert (model.name, model.side, model.device.type) == ("mini", 129, "cpu")
    assert model.encode_texts(["Police arrest a man."]).shape == (1, 256)
    assert model.scale == pytest.approx(model.loaded.model.logit_scale.exp().item())


@pytest.mark.parametrize("batch_size", [1, 4, 256])
def test_texts_are_as_open_clip_encodes_them(batch_size: int) -> None:
    with torch.no_grad():
        expected = MODEL.loaded.model.encode_text(MODEL.loaded.tokenizer(list(TEXTS)), normalize=True)
    torch.testing.assert_close(MODEL.encode_texts(TEXTS, batch_size), expected, atol=1e-5, rtol=0)
    assert MODEL.encode_texts([]).shape == (0, 16)


@pytest.mark.parametrize(("size", "side"), [(32, 32), ((32, 48), 48), ((48, 32), 48)])
def test_the_side_is_the_longer_one(size, side: int) -> None:
    assert asked(size=size).side == side


def test_pixels_are_embedded_as_open_clip_does_and_none_are_none() -> None:
    pixels = torch.randn(3, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        expected = MODEL.loaded.model.encode_image(pixels, normalize=True)
    alone, none = MODEL.see(pixels)
    assert none is None
    torch.testing.assert_close(alone, expected, atol=1e-6, rtol=0)
    image, patches = MODEL.see(pixels, patches=True)
    torch.testing.assert_close(image, expected, atol=1e-6, rtol=0)
    assert patches.shape == (3, 16, 16)
    torch.testing.assert_close(patches.norm(dim=-1), torch.ones(3, 16))
    assert MODEL.see(pixels[:0])[0].shape == (0, 16)


def test_pictures_are_embedded_in_order_and_the_first_bad_one_is_raised(tmp_path: Path) -> None:
    colours = ["red", "green", "blue", "white", "black"]
    for colour in colours:
        Image.new("RGB", (50, 40), colour).save(tmp_path / f"{colour}.png")
    found = MODEL.encode_images((tmp_path / f"{colour}.png" for colour in colours), batch_size=2)
    pixels = torch.stack([MODEL.loaded.preprocess_val(Image.new("RGB", (50, 40), colour)) for colour in colours])
    with torch.no_grad():
        expected = MODEL.loaded.model.encode_image(pixels, normalize=True)
    torch.testing.assert_close(found, expected, atol=1e-6, rtol=0)
    assert MODEL.encode_images([]).shape == (0, 16)
    with pytest.raises(PictureError, match="gone") as caught:
        MODEL.encode_images([tmp_path / "red.png", tmp_path / "gone.png", b""])
    assert caught.value.reason == "no such file"


def test_a_head_may_be_trained_on_embeddings() -> None:
    head = torch.nn.Linear(16, 2)
    head(MODEL.encode_images([Image.new("RGB", (40, 40))]) + MODEL.encode_texts(["a man"])).sum().backward()
    assert head.weight.grad is not None


def altered(name: str, place: int = -1, by: float = 1.0):
    model = native("clip")
    with torch.no_grad():
        model.state_dict()[name].view(-1)[place] += by
    return asked(model)


def test_the_fingerprint_changes_with_any_weight_of_the_text_tower_alone() -> None:
    names = [name for name in MODEL.loaded.model.state_dict() if name != "attn_mask"]
    own = [name for name in names if not name.startswith("visual.")]
    assert len(own) > 20
    found = {name: altered(name).text_fingerprint for name in own}
    assert len({MODEL.text_fingerprint, *found.values()}) == len(own) + 1
    for name in ("visual.proj", "visual.conv1.weight"):
        assert altered(name).text_fingerprint == MODEL.text_fingerprint


def test_the_fingerprint_changes_where_two_weights_change_places() -> None:
    model = native("clip")
    with torch.no_grad():
        rows = model.token_embedding.weight
        rows[[5, 6]] = rows[[6, 5]]
    assert asked(model).text_fingerprint != MODEL.text_fingerprint


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_the_fingerprint_sees_the_last_weight_of_an_odd_number_in_half_precision(dtype: torch.dtype) -> None:
    prints = []
    for value in (0.0, 1.0):
        model = native("clip").to(dtype)
        model.odd = torch.nn.Parameter(torch.tensor([1.0, 2.0, value], dtype=dtype))
        prints.append(asked(model).text_fingerprint)
    assert prints[0] != prints[1]
    assert MODEL.text_fingerprint not in prints


def test_the_fingerprint_changes_with_the_tokenizer(tmp_path: Path) -> None:
    first, other = wordpiece(tmp_path / "first"), wordpiece(tmp_path / "other", ("a quick brown fox",))
    again = open_clip.tokenizer.HFTokenizer(str(tmp_path / "first"), context_length=CONTEXT)
    prints = [asked(native("mini"), tokenizer=tokenizer).text_fingerprint for tokenizer in (first, again, other)]
    assert prints[0] == prints[1] != prints[2]


def test_the_fingerprint_is_the_same_in_another_process_and_with_more_threads() -> None:
    code = "import torch; torch.set_num_threads(2); from asked import asked; print(asked().text_fingerprint)"
    path = os.pathsep.join(map(str, (ROOT, ROOT / "tests")))
    environment = {**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "2", "PYTHONHASHSEED": "7"}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == MODEL.text_fingerprint


def test_a_device_that_is_not_there_is_refused() -> None:
    with pytest.raises(ValueError, match="nowhere"):
        ClipEvent.load("mini", device="nowhere")


CAPTION = "Police arrest a man."
SPANS = {"Agent": ("Police", 0, 6), "Person": ("man", 16, 19)}
RECORD = CaptionEvents.model_validate(
    {
        "caption": CAPTION,
        "events": [
            {
                "id": "e0",
                "type": "Justice:Arrest-Jail",
                "trigger": {"text": "arrest", "start": 7, "end": 13},
                "arguments": [
                    {"role": role, "text": text, "start": start, "end": end, "entity": "person"}
                    for role, (text, start, end) in SPANS.items()
                ],
            }
        ],
    }
)


def test_an_event_is_said_alike_however_it_is_given() -> None:
    news = load_ontology()
    full = {"type": "Justice:Arrest-Jail", "arguments": [{"role": "Agent", "text": "police"}]}
    assert say("A dog barks", news) == "A dog barks"
    assert say(full, news) == say({"type": "Justice:Arrest-Jail", "Agent": "police"}, news)
    said = say(RECORD.events[0], news)
    assert "police" in said.lower()
    assert said.index("man") > said.lower().index("police")
    assert say({"type": "Justice:Arrest-Jail"}, news, "type") == "A photo of arresting someone."


def test_what_cannot_be_said_says_why() -> None:
    news = load_ontology()
    with pytest.raises(ValueError, match="expected a type"):
        say({"Agent": "police"}, news)
    with pytest.raises(ValueError, match="caption"):
        say({"type": "Justice:Arrest-Jail"}, news, "caption")
    with pytest.raises(ValueError, match="Justice:Arest"):
        say({"type": "Justice:Arest"}, news)
    with pytest.raises(ValueError, match="Cook"):
        say({"type": "Justice:Arrest-Jail", "Cook": "police"}, news)
