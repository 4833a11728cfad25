"""Photographs through a model: in order, in bounded memory, equal to open_clip's own, whatever the files hold."""

import io
import struct
import threading
import warnings
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch
from asked import asked
from PIL import Image
from torch.nn import functional as F
from towers import hugging_face, image_tower, native

from clip_event.evaluation.photographs import _found
from clip_event.pictures.reading import PictureError, read
from clip_event.towers._open_clip import open_clip
from clip_event.towers.patches import encode_images
from clip_event.zeroshot.stream import stream

MODEL = asked()


def noise(seed: int, size: tuple[int, int] = (40, 52)) -> Image.Image:
    return Image.fromarray(np.random.default_rng(seed).integers(0, 256, (*size, 3), np.uint8))


def packed(picture: Image.Image, form: str = "PNG", **options: object) -> bytes:
    out = io.BytesIO()
    picture.save(out, form, **options)
    return out.getvalue()


def plainly(picture: Image.Image, model=MODEL) -> torch.Tensor:
    """(D,) as an open_clip program embeds it."""
    with torch.no_grad():
        return model.loaded.model.encode_image(model.loaded.preprocess_val(picture)[None], normalize=True)[0]


def seen_by(pictures, **options):
    """Keys and embeddings of those that were read, and what was missed, in one."""
    parts = list(stream(MODEL, pictures, **options))
    keys = [key for part in parts for key in part.keys]
    missed = {key: error for part in parts for key, error in part.missed}
    return keys, torch.cat([part.image for part in parts]) if parts else torch.zeros(0, 16), missed


@pytest.mark.parametrize("number", [0, 1, 2, 3, 4, 7])
@pytest.mark.parametrize("batch_size", [1, 3, 64])
@pytest.mark.parametrize("workers", [1, 4])
def test_any_number_in_order_as_open_clip_embeds_them(number: int, batch_size: int, workers: int) -> None:
    pictures = [noise(seed, (20 + seed, 60 - seed)) for seed in range(number)]
    keys, image, missed = seen_by(enumerate(pictures), batch_size=batch_size, workers=workers)
    assert keys == list(range(number))
    assert not missed
    for one, picture in zip(image, pictures, strict=True):
        torch.testing.assert_close(one, plainly(picture), atol=1e-6, rtol=0)


def test_paths_names_contents_and_images_are_the_same_picture(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    noise(0).save(path)
    given = {("path",): path, "text": str(path), 3: path.read_bytes(), None: noise(0)}
    keys, image, _ = seen_by(given.items())
    assert keys == list(given)
    torch.testing.assert_close(image, plainly(noise(0)).expand(4, -1), atol=1e-6, rtol=0)


def test_at_most_two_batches_are_asked_for_ahead() -> None:
    asked_for = []

    def pictures():
        for number in range(1000):
            asked_for.append(number)
            yield number, noise(number)

    found = stream(MODEL, pictures(), batch_size=4)
    assert asked_for == []
    counts = []
    for _ in range(3):
        next(found)
        counts.append(len(asked_for))
    found.close()
    assert counts == [8, 12, 16]  # the batch that is given and the one after it


def test_batches_are_full_but_for_the_last() -> None:
    given = [(n, PictureError("x", "gone") if n == 2 else noise(n)) for n in range(7)]
    parts = list(stream(MODEL, given, batch_size=3))
    assert [(part.keys, [key for key, _ in part.missed]) for part in parts] == [
        ([0, 1], [2]),
        ([3, 4, 5], []),
        ([6], []),
    ]


def test_a_batch_of_nothing_that_can_be_read_is_empty() -> None:
    (part,) = stream(MODEL, [("a", b""), ("b", PictureError("b.jpg", "no such file"))], patches=True)
    assert (part.keys, part.image.shape) == ([], (0, 16))
    assert [(key, error.reason) for key, error in part.missed][1] == ("b", "no such file")


def threads() -> set[threading.Thread]:
    return {thread for thread in threading.enumerate() if thread.name.startswith("ThreadPoolExecutor")}


def test_closing_early_frees_the_threads() -> None:
    before = threads()
    found = stream(MODEL, ((n, noise(n)) for n in range(500)), batch_size=2, workers=3)
    next(found)
    assert threads() - before
    found.close()
    assert threads() <= before


def test_what_the_caller_raises_comes_through_and_frees_the_threads() -> None:
    def pictures():
        yield 0, noise(0)
        yield 1, noise(1)
        yield 2, noise(2)
        raise OSError("the disk is gone")

    before, found = threads(), stream(MODEL, pictures(), batch_size=1)
    assert next(found).keys == [0]
    assert next(found).keys == [1]
    with pytest.raises(OSError, match="the disk is gone"):
        next(found)
    assert threads() <= before


@pytest.mark.parametrize("options", [{"batch_size": 0}, {"workers": 0}, {"batch_size": -3}])
def test_no_batch_and_no_worker_is_refused(options) -> None:
    with pytest.raises(ValueError, match="expected 1 or more"):
        next(stream(MODEL, [(0, noise(0))], **options))


def test_what_is_no_picture_at_all_is_a_mistake_of_the_program() -> None:
    with pytest.raises(TypeError, match="ndarray"):
        list(stream(MODEL, [(0, np.zeros((4, 4, 3)))]))


@pytest.mark.parametrize(
    "make", [lambda: asked(), lambda: asked(image_tower("convnext_atto"), 160)], ids=["ViT", "ConvNeXt"]
)
def test_patches_are_those_of_the_tower(make) -> None:
    model = make()
    pictures = [noise(seed, (170, 180)) for seed in range(3)]
    parts = list(stream(model, enumerate(pictures), batch_size=2, patches=True))
    pixels = torch.stack([model.loaded.preprocess_val(picture) for picture in pictures])
    with torch.no_grad():
        image, patches = encode_images(model.loaded.model, pixels)
    torch.testing.assert_close(torch.cat([part.image for part in parts]), image, atol=1e-6, rtol=0)
    torch.testing.assert_close(torch.cat([part.patches for part in parts]), patches, atol=1e-6, rtol=0)


@pytest.mark.parametrize("mode", ["shortest", "longest", "squash"])
@pytest.mark.parametrize("size", [32, (32, 48), (48, 32)])
def test_any_shape_of_input(size, mode: str) -> None:
    model = asked(size=size, mode=mode)
    pictures = [noise(0, (50, 90)), noise(1, (90, 50)), noise(2, (7, 9))]
    (part,) = stream(model, enumerate(pictures))
    for one, picture in zip(part.image, pictures, strict=True):
        torch.testing.assert_close(one, plainly(picture, model), atol=1e-6, rtol=0)


@pytest.mark.parametrize("precision", ["bf16", "fp16", "pure_bf16", "pure_fp16"])
@pytest.mark.parametrize("make", [lambda: native("clip"), lambda: hugging_face("bert")], ids=["CLIP", "BERT"])
def test_weights_of_half_precision(make, precision: str) -> None:
    dtype = open_clip.get_input_dtype(precision)
    model, exact = make(), make()
    if precision.startswith("pure"):
        model.to(dtype)
    else:
        open_clip.model.convert_weights_to_lp(model, dtype)
    (part,) = stream(asked(model), [(0, noise(0))], patches=True)
    assert part.image.dtype == part.patches.dtype == torch.float32
    assert F.cosine_similarity(part.image[0], plainly(noise(0), asked(exact)), 0) > 0.999


def bomb(side: int) -> bytes:
    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    header = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


def bmp_bomb() -> bytes:
    return b"BM" + struct.pack("<IHHIIiiHHIIiiII", 54, 0, 0, 54, 40, 30_000, 30_000, 1, 24, 0, 0, 0, 0, 0, 0)


ROTATED = Image.Exif()
ROTATED[0x0112] = 6
GREY = Image.fromarray(np.arange(0, 65_536, 65, np.uint16)[:1000].reshape(25, 40))
FRAMES = [noise(seed).quantize(16, method=Image.Quantize.FASTOCTREE) for seed in range(3)]
TREATED = {
    "cmyk": (packed(noise(1).convert("CMYK"), "TIFF"), noise(1)),
    "16-bit": (packed(GREY), Image.fromarray((np.asarray(GREY) // 256).astype(np.uint8)).convert("RGB")),
    "animated": (packed(FRAMES[0], "GIF", save_all=True, append_images=FRAMES[1:]), FRAMES[0].convert("RGB")),
    "rotated": (packed(noise(2), exif=ROTATED), noise(2).transpose(Image.Transpose.ROTATE_270)),
    "one pixel": (packed(Image.new("RGB", (1, 1), (200, 30, 10))), Image.new("RGB", (64, 64), (200, 30, 10))),
}
REFUSED = {
    "broken": (packed(noise(3))[:60] + b"\0" * 4000, ""),
    "truncated": (packed(noise(3))[:2000], "truncated"),
    "empty": (b"", "no picture"),
    "text": (b"<html>404</html>", "no picture"),
    "bomb": (bomb(30_000), "pixels"),
    "smaller bomb": (bomb(10_000), "pixels"),
    "bmp bomb": (bmp_bomb(), "pixels"),
    "strip": (packed(Image.new("RGB", (1, 5000))), "100 times"),
    "lying strip": (packed(Image.new("L", (5000, 1)), "JPEG"), "100 times"),
}


def test_every_odd_file_is_seen_rightly_or_counted(tmp_path: Path) -> None:
    names = []
    for name, (data, _) in (TREATED | REFUSED).items():
        (tmp_path / name).write_bytes(data)
        names += [name, "good"]
    (tmp_path / "good").write_bytes(packed(noise(9)))
    keys, image, missed = seen_by(_found([*names, "../outside.png", "a\0b", "gone.jpg", "."], tmp_path), batch_size=4)
    assert keys == [name for name in names if name not in REFUSED]
    assert set(missed) == {*REFUSED, "../outside.png", "a\0b", "gone.jpg", "."}
    for name, (_, reason) in REFUSED.items():
        assert reason in missed[name].reason
        assert str(tmp_path) in missed[name].place
    assert "outside" in missed["../outside.png"].reason
    for key, one in zip(keys, image, strict=True):
        expected = TREATED[key][1] if key != "good" else noise(9)
        torch.testing.assert_close(one, plainly(expected), atol=1e-5, rtol=0)


def test_a_panorama_is_no_strip() -> None:
    keys, image, _ = seen_by([("long", noise(1, (10, 1000))), ("longer", noise(1, (10, 1001)))])
    assert keys == ["long"]
    torch.testing.assert_close(image[0], plainly(noise(1, (10, 1000))), atol=1e-6, rtol=0)


def turned() -> Image.Image:
    picture = noise(5)
    picture.info["exif"] = ROTATED.tobytes()
    return picture


def half_seen(mode: str, solid: object, clear: object) -> Image.Image:
    """A picture whose left half cannot be seen."""
    picture = Image.new(mode, (40, 20), solid)
    picture.paste(clear, (0, 0, 20, 20))
    return picture


def white_and(colour: tuple[int, int, int]) -> Image.Image:
    return half_seen("RGB", colour, (255, 255, 255))


def transparent_palette() -> Image.Image:
    picture = half_seen("P", 0, 1)
    picture.putpalette([200, 30, 10, 0, 0, 0])
    picture.info["transparency"] = 1
    return picture


@pytest.mark.parametrize(
    ("picture", "expected"),
    [
        (FRAMES[1], FRAMES[1].convert("RGB")),
        (transparent_palette(), white_and((200, 30, 10))),
        (half_seen("RGBA", (200, 30, 10, 255), (7, 7, 7, 0)), white_and((200, 30, 10))),
        (half_seen("LA", (90, 255), (7, 0)), white_and((90, 90, 90))),
        (GREY, TREATED["16-bit"][1]),
        (noise(1).convert("CMYK"), noise(1)),
        (turned(), noise(5).transpose(Image.Transpose.ROTATE_270)),
        (half_seen("1", 0, 1), white_and((0, 0, 0))),
    ],
    ids=["P", "P transparent", "RGBA", "LA", "I;16", "CMYK", "turned", "1"],
)
def test_images_of_every_mode_are_seen_as_files_of_them_would_be(picture: Image.Image, expected: Image.Image) -> None:
    before = (picture.mode, picture.tobytes(), dict(picture.info))
    _, image, missed = seen_by([(0, picture)])
    assert not missed
    torch.testing.assert_close(image[0], plainly(expected), atol=1e-5, rtol=0)
    assert (picture.mode, picture.tobytes(), dict(picture.info)) == before


def test_an_image_that_breaks_when_it_is_decoded_is_missed() -> None:
    lazy = Image.open(io.BytesIO(packed(noise(3))[:2000]))
    _, _, missed = seen_by([("lazy", lazy), ("none", Image.new("RGB", (0, 4))), ("float", Image.new("F", (4, 4)))])
    assert "truncated" in missed["lazy"].reason
    assert "0 x 4" in missed["none"].reason
    assert "floating" in missed["float"].reason


def test_threads_that_decode_leave_the_callers_warnings_alone() -> None:
    data = packed(noise(0, (200, 200)))
    before = list(warnings.filters)
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: read(data, 32).size, range(200)))
    assert set(found) == {(200, 200)}
    assert warnings.filters == before
