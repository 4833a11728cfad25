"""From a record's `image` to pixels: where the picture is, what may be opened, and why one cannot be.

Captions and their pictures come from others. Nothing outside the image folder is opened, only formats that are decoded
in this process, and no picture that would fill the memory.
"""

import io
import math
import re
import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import ExifTags, Image, UnidentifiedImageError

FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "PPM")
NARROWEST = 100
"""A picture longer than this many times its breadth is a strip, which resizing by the breadth would blow up."""
WHOLE = 1 << 20
"""A `size` that shrinks no picture on reading, for whoever needs its own pixels."""
REMOTE = re.compile(r"[a-z][a-z0-9+.-]+://", re.IGNORECASE)
PART = re.compile(r"#xywh=(-?\d+),(-?\d+),(\d+),(\d+)$")
TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""EXIF orientation to what undoes it; `ImageOps.exif_transpose` also rewrites the EXIF data, and fails on odd ones."""

# of odd EXIF data, once for each file. Appended, so that a filter of the caller's goes first; not `catch_warnings`,
# which threads that decode side by side would undo for each other and for the caller
warnings.filterwarnings("ignore", module=r"PIL\.", append=True)


class PictureError(ValueError):
    """A picture that cannot be used.

    A worker returns it in the picture's place, so that one broken file stops no batch: `clip_event.pictures.missing`.

    Attributes:
        place: the picture's path, or what the record calls it.
        reason: why it cannot be used.
    """

    def __init__(self, place: str, reason: str) -> None:
        super().__init__(place, reason)
        self.place, self.reason = place, reason

    def __str__(self) -> str:
        return f"{self.place}: {self.reason}"


def place(image: str, base: Path, root: Path) -> Path:
    """The file that a record's `image` names.

    Args:
        image: a path, relative to `base` or absolute.
        base: the folder of the captions, or the one given as `images`.
        root: the image folder. Symbolic links are followed, and what lies outside in the end is refused.

    Raises:
        PictureError: a remote address, a path out of the folder, or no path at all. Whether the file exists is not
            looked at.
    """
    if REMOTE.match(image):
        raise PictureError(image, "is a remote address; download the pictures and give their paths")
    if not image.strip():
        raise PictureError(image, "image is empty, expected a path")
    try:
        path, inside = (base / image).resolve(), root.resolve()
    except (OSError, RuntimeError, ValueError) as error:  # too long, a circle of links, a NUL character
        raise PictureError(image, f"is no path: {error}") from None
    if not path.is_relative_to(inside):
        raise PictureError(image, f"lies outside the image folder {inside}; give the folder of all pictures as images")
    return path


def read(picture: Path | bytes, size: int, name: str = "") -> Image.Image:
    """A picture as RGB, upright.

    A JPEG much larger than needed is decoded at 1/2, 1/4 or 1/8 (`Image.draft`), which takes a fraction of the time.
    A caller that crops before it resizes should ask for as much more.

    Transparent parts become white, 16 bits become the upper 8, and of several frames the first is taken.

    Args:
        picture: a file, or its content.
        size: pixels that the short side must keep, where it has as many.
        name: what errors call a picture that is given as bytes.

    Raises:
        PictureError: no such file, truncated, broken, not one of `FORMATS`, of more pixels than
            `PIL.Image.MAX_IMAGE_PIXELS`, or longer than `NARROWEST` times its breadth.
    """
    name = name or (str(picture) if isinstance(picture, Path) else "picture")
    try:
        if isinstance(picture, Path) and not picture.is_file():  # opening a pipe would wait for ever
            raise PictureError(name, "is no file" if picture.exists() else "no such file")
        with Image.open(io.BytesIO(picture) if isinstance(picture, bytes) else picture, formats=FORMATS) as opened:
            _check(*opened.size)
            opened.draft(None, (size, size))
            return upright(opened)
    except (PictureError, MemoryError):
        raise
    except UnidentifiedImageError:
        raise PictureError(name, f"is no picture; expected one of {', '.join(FORMATS)}") from None
    except Exception as error:  # decoders raise whatever they like over a broken file
        raise PictureError(name, str(error) or type(error).__name__) from None


@dataclass(frozen=True)
class Part:
    """A rectangle of a picture, in pixels of the upright picture at full size."""

    path: Path
    left: int
    top: int
    width: int
    height: int

    def read(self) -> Image.Image:
        """As `read`, of what lies inside the picture. Raises `PictureError`, also where nothing does."""
        picture = read(self.path, WHOLE)
        box = (
            max(self.left, 0),
            max(self.top, 0),
            min(self.left + self.width, picture.width),
            min(self.top + self.height, picture.height),
        )
        if box[0] >= box[2] or box[1] >= box[3]:
            asked = f"{self.left},{self.top},{self.width},{self.height}"
            raise PictureError(str(self.path), f"has no part {asked}; it is {picture.width} x {picture.height}")
        return picture.crop(box)


def part_name(image: str, left: int, top: int, width: int, height: int) -> str:
    """What names a part of a picture: a fragment as the W3C's Media Fragments URI 1.0 has it."""
    return f"{image}#xywh={left},{top},{width},{height}"


def parted(name: str) -> tuple[str, tuple[int, int, int, int] | None]:
    """The path in a name, and left, top, width and height where the name is of a part."""
    if (found := PART.search(name)) is None:
        return name, None
    left, top, width, height = map(int, found.groups())
    return name[: found.start()], (left, top, width, height)


def upright(picture: Image.Image) -> Image.Image:
    """A copy as RGB, turned as its EXIF data says, under the rules of `read`. Raises what decoders raise."""
    _check(*picture.size)
    picture.load()
    turn, plain = _turn(picture), _rgb(picture)
    found = plain.copy() if turn is None else plain.transpose(turn)
    found.info = {}  # whoever reads the orientation there would turn it once more
    return found


def load(picture: Path | bytes | PictureError, size: int, name: str = "") -> Image.Image | PictureError:
    """As `read`, but a picture that cannot be used is returned as its error: what a data loader's worker hands on."""
    if isinstance(picture, PictureError):
        return picture
    try:
        return read(picture, size, name)
    except PictureError as error:
        return error


def _check(width: int, height: int) -> None:
    if width * height > (most := Image.MAX_IMAGE_PIXELS or math.inf):
        raise ValueError(f"has {width} x {height} pixels, expected at most {most:,}")
    if max(width, height) > NARROWEST * min(width, height):
        raise ValueError(f"has {width} x {height} pixels, expected at most {NARROWEST} times as long as broad")


def _rgb(picture: Image.Image) -> Image.Image:
    if picture.mode == "RGB" and "transparency" not in picture.info:
        return picture
    if picture.mode.startswith("I"):
        deep = np.asarray(picture)
        if deep.min() < 0 or deep.max() > 0xFFFF:
            raise ValueError(f"has values from {deep.min()} to {deep.max()}, expected 8 or 16 bits")
        return Image.fromarray((deep >> 8).astype(np.uint8)).convert("RGB")
    if picture.mode == "F":
        raise ValueError("holds floating point values, expected 8 or 16 bits")
    if picture.mode.endswith(("A", "a")) or "transparency" in picture.info:
        solid = picture.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", solid.size, "white"), solid).convert("RGB")
    return picture.convert("RGB")


def _turn(picture: Image.Image) -> Image.Transpose | None:
    try:
        return TURNS.get(picture.getexif().get(ExifTags.Base.Orientation, 1))
    except Exception:  # a picture with broken EXIF data is shown as it is stored
        return None
