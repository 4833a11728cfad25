"""Pictures: what is refused, what is decoded to which colours, and when missing ones end a run."""

import io
import json
import pickle
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from clip_event.pictures.missing import Missing, MissingPictures
from clip_event.pictures.reading import Part, PictureError, load, part_name, parted, place, read


def packed(picture: Image.Image, form: str, **options: object) -> bytes:
    out = io.BytesIO()
    picture.save(out, form, **options)
    return out.getvalue()


def halves(mode: str, left: object, right: object, size: tuple[int, int] = (40, 20)) -> Image.Image:
    """Left and right half of one colour each."""
    picture = Image.new(mode, size, right)
    picture.paste(left, (0, 0, size[0] // 2, size[1]))
    return picture


DEEP = Image.fromarray(np.repeat([[25_600, 51_200]], 20, axis=1).repeat(20, axis=0).astype(np.uint16))


def near(found: tuple[int, ...], expected: tuple[int, ...], by: int = 6) -> bool:
    return max(abs(a - b) for a, b in zip(found, expected, strict=True)) <= by


def test_a_path_is_taken_from_the_folder_of_the_captions(tmp_path: Path) -> None:
    assert place("images/a.jpg", tmp_path, tmp_path) == tmp_path.resolve() / "images" / "a.jpg"
    assert place("b/../a.jpg", tmp_path, tmp_path) == tmp_path.resolve() / "a.jpg"
    assert place(str(tmp_path / "a.jpg"), tmp_path / "elsewhere", tmp_path) == tmp_path.resolve() / "a.jpg"


@pytest.mark.parametrize(
    ("image", "said"),
    [
        ("../a.jpg", "outside"),
        ("/etc/passwd", "outside"),
        ("link/passwd", "outside"),
        ("beside/a.jpg", "outside"),
        ("https://example.org/a.jpg", "download"),
        ("S3://bucket/a.jpg", "download"),
        ("file:///etc/passwd", "download"),
        ("", "empty"),
        ("a\0.jpg", "no path"),
        ("circle/a.jpg", "circle"),
    ],
)
def test_what_is_not_in_the_image_folder_is_refused(tmp_path: Path, image: str, said: str) -> None:
    root = tmp_path / "root"
    (tmp_path / "root-2").mkdir()  # begins like the root's name
    root.mkdir()
    (root / "link").symlink_to("/etc")
    (root / "beside").symlink_to(tmp_path / "root-2")
    (root / "circle").symlink_to(root / "circle")
    with pytest.raises(PictureError, match=said):
        read(place(image, root, root), 8)


@pytest.mark.parametrize(
    ("picture", "form", "left", "right"),
    [
        (halves("RGB", (200, 30, 10), (10, 60, 220)), "PNG", (200, 30, 10), (10, 60, 220)),
        (halves("L", 30, 220), "PNG", (30, 30, 30), (220, 220, 220)),
        (halves("L", 30, 220), "JPEG", (30, 30, 30), (220, 220, 220)),
        (halves("1", 0, 1), "PNG", (0, 0, 0), (255, 255, 255)),
        (halves("LA", (30, 255), (30, 0)), "PNG", (30, 30, 30), (255, 255, 255)),
        (halves("RGBA", (200, 30, 10, 255), (200, 30, 10, 0)), "PNG", (200, 30, 10), (255, 255, 255)),
        (halves("RGBA", (0, 0, 0, 255), (0, 0, 0, 51)), "WEBP", (0, 0, 0), (204, 204, 204)),
        (halves("CMYK", (0, 255, 255, 0), (255, 255, 0, 0)), "JPEG", (255, 0, 0), (0, 0, 255)),
        (halves("CMYK", (0, 255, 255, 0), (255, 255, 0, 0)), "TIFF", (255, 0, 0), (0, 0, 255)),
        (DEEP, "PNG", (100, 100, 100), (200, 200, 200)),
        (DEEP, "TIFF", (100, 100, 100), (200, 200, 200)),
        (halves("I", 25_600, 51_200), "TIFF", (100, 100, 100), (200, 200, 200)),
        (halves("RGB", (255, 0, 0), (0, 0, 255)).quantize(4), "GIF", (255, 0, 0), (0, 0, 255)),
        (halves("RGB", (255, 0, 0), (0, 0, 255)).quantize(4), "PNG", (255, 0, 0), (0, 0, 255)),
    ],
    ids=lambda value: value.mode if isinstance(value, Image.Image) else value if isinstance(value, str) else "",
)
def test_every_mode_becomes_the_colours_that_one_sees(picture, form, left, right) -> None:
    found = read(packed(picture, form), 20)
    assert (found.mode, found.size) == ("RGB", (40, 20))
    assert near(found.getpixel((5, 10)), left)
    assert near(found.getpixel((35, 10)), right)


def test_a_transparent_palette_colour_becomes_white() -> None:
    picture = halves("RGB", (255, 0, 0), (0, 0, 255)).quantize(4)
    found = read(packed(picture, "PNG", transparency=picture.getpixel((35, 10))), 8)
    assert near(found.getpixel((5, 10)), (255, 0, 0))
    assert found.getpixel((35, 10)) == (255, 255, 255)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_picture_is_turned_as_its_camera_was_held(orientation: int) -> None:
    """Against the numpy form of the EXIF table: which way up the 0th row and column of the stored pixels are."""
    upright = np.arange(6, dtype=np.uint8).reshape(2, 3) * 40
    stored = {
        1: upright,
        2: upright[:, ::-1],
        3: upright[::-1, ::-1],
        4: upright[::-1],
        5: upright.T,
        6: np.rot90(upright, 1),
        7: upright[::-1, ::-1].T,
        8: np.rot90(upright, -1),
    }[orientation]
    exif = Image.Exif()
    exif[0x0112] = orientation
    found = read(packed(Image.fromarray(np.ascontiguousarray(stored)), "PNG", exif=exif), 1)
    np.testing.assert_array_equal(np.asarray(found)[:, :, 0], upright)
    assert found.getexif().get(0x0112) is None


@pytest.mark.parametrize(
    ("size", "expected"), [(100, (200, 100)), (101, (400, 200)), (50, (100, 50)), (900, (800, 400))]
)
def test_a_large_jpeg_is_decoded_small_but_never_below_what_is_asked(size: int, expected: tuple[int, int]) -> None:
    found = read(packed(halves("RGB", (200, 30, 10), (10, 60, 220), (800, 400)), "JPEG"), size)
    assert found.size == expected
    assert near(found.getpixel((5, 5)), (200, 30, 10))


def test_broken_exif_data_does_not_cost_the_picture() -> None:
    data = packed(Image.new("RGB", (8, 8), "red"), "JPEG", exif=b"Exif\0\0MM\0*\xff\xff\xff\xff" + b"\xff" * 20)
    assert near(read(data, 8).getpixel((4, 4)), (254, 0, 0))


def _bomb() -> bytes:
    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    header = struct.pack(">IIBBBBB", 10_000, 10_000, 1, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", b"") + chunk(b"IEND", b"")


NOISE = Image.effect_noise((64, 64), 80).convert("RGB")


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (packed(NOISE, "JPEG")[:700], "truncated"),
        (packed(NOISE, "PNG")[:3000], "truncated"),
        (packed(NOISE, "JPEG")[:10], "Truncated"),
        (b"", "no picture"),
        (b"<html>Not found</html>", "no picture"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\n", "no picture"),
        (_bomb(), "pixels"),
        (packed(Image.new("F", (4, 4), 0.5), "TIFF"), "floating"),
        (packed(Image.new("I", (4, 4), 100_000), "TIFF"), "100000"),
    ],
)
def test_a_broken_or_dangerous_picture_is_an_error_that_says_why(tmp_path: Path, data: bytes, reason: str) -> None:
    path = tmp_path / "a.jpg"
    path.write_bytes(data)
    with pytest.raises(PictureError, match=reason) as caught:
        read(path, 8)
    assert caught.value.place == str(path)
    found = load(data, 8, "shard.tar/a.jpg")
    assert isinstance(found, PictureError)
    assert found.place == "shard.tar/a.jpg"


def test_a_missing_file_or_a_folder_is_returned_as_an_error_that_travels(tmp_path: Path) -> None:
    missing, folder = load(tmp_path / "a.jpg", 8), load(tmp_path, 8)
    assert isinstance(missing, PictureError)
    assert isinstance(folder, PictureError)
    assert (missing.reason, folder.reason) == ("no such file", "is no file")
    copy = pickle.loads(pickle.dumps(missing))
    assert (copy.place, copy.reason) == (str(tmp_path / "a.jpg"), "no such file")
    assert load(copy, 8) is copy


def missed(path: Path, count: int) -> Missing:
    missing = Missing(path)
    for number in range(count):
        missing.add(number, PictureError(f"{number}.jpg", "no such file"))
    return missing


@pytest.mark.parametrize(
    ("count", "seen", "end", "fatal"),
    [
        (0, 0, True, False),
        (0, 1000, False, False),
        (9, 10, False, False),
        (199, 199, False, False),
        (10, 200, False, True),
        (9, 200, False, False),
        (49, 1000, True, False),
        (50, 1000, False, True),
        (1, 20, True, True),
        (1, 21, True, False),
    ],
)
def test_five_percent_of_at_least_two_hundred_or_of_all_is_too_many(tmp_path, count, seen, end, fatal) -> None:
    missing = missed(tmp_path / "run" / "missing.jsonl", count)
    assert missing.count == count
    if not fatal:
        missing.check(seen, end=end)
        return
    with pytest.raises(MissingPictures, match=f"{count} of {seen:,}"):
        missing.check(seen, end=end)
    listed = [json.loads(line) for line in missing.path.read_text(encoding="utf-8").splitlines()]
    assert listed == [{"id": n, "place": f"{n}.jpg", "reason": "no such file"} for n in range(count)]


def test_the_error_shows_twenty_and_says_where_the_others_are(tmp_path: Path) -> None:
    with pytest.raises(MissingPictures) as caught:
        missed(tmp_path / "missing.jsonl", 30).check(200)
    assert sum(".jpg" in line for line in str(caught.value).splitlines()) == 20
    assert str(tmp_path / "missing.jsonl") in str(caught.value)


def test_a_picture_missing_in_two_epochs_counts_twice_and_is_listed_once(tmp_path: Path) -> None:
    missing = missed(tmp_path / "missing.jsonl", 3)
    missing.add(0, PictureError("0.jpg", "no such file"))
    missing.write()
    assert missing.count == 4
    assert len(missing.path.read_text().splitlines()) == 3
    Missing(missing.path).write()
    assert not missing.path.exists()


def test_a_part_is_named_behind_the_path_and_read_at_full_size(tmp_path: Path) -> None:
    halves("RGB", (200, 0, 0), (0, 0, 200), (640, 320)).save(tmp_path / "a#1.png")
    path, box = parted(part_name("a#1.png", 320, 10, 100, 50))
    assert (path, box) == ("a#1.png", (320, 10, 100, 50))
    assert parted("a#1.png") == ("a#1.png", None)
    part = Part(tmp_path / path, *box).read()
    assert (part.size, part.getcolors()) == ((100, 50), [(5000, (0, 0, 200))])


@pytest.mark.parametrize(
    ("box", "size"),
    [((-5, -5, 15, 10), (10, 5)), ((30, 10, 10**9, 10**9), (10, 10)), ((40, 0, 5, 5), None), ((0, 0, 0, 9), None)],
)
def test_only_what_lies_inside_the_picture_is_its_part(tmp_path: Path, box, size) -> None:
    halves("RGB", "white", "black").save(tmp_path / "a.png")
    part = Part(tmp_path / "a.png", *box)
    if size:
        assert part.read().size == size
    else:
        with pytest.raises(PictureError, match="it is 40 x 20"):
            part.read()
