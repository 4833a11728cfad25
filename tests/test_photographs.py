"""A protocol's photographs: each embedded once, found by name, and refused where too many are missing."""

from pathlib import Path

import pytest
import torch
from asked import asked
from PIL import Image

from clip_event.evaluation.photographs import photographs
from clip_event.pictures.missing import MissingPictures

MODEL = asked()


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "in" / "deep").mkdir(parents=True)
    for number in range(100):
        Image.new("RGB", (40, 40), (number, 255 - number, 2 * number)).save(tmp_path / "in" / "deep" / f"{number}.png")
    Image.new("RGB", (40, 40)).save(tmp_path / "outside.png")
    return tmp_path / "in"


def names(count: int) -> list[str]:
    return [f"deep/{number}.png" for number in range(count)]


def test_each_is_embedded_once_and_found_by_its_name(root: Path) -> None:
    done: list[int] = []
    given = [*names(10), *names(10)[::-1]]
    found = photographs(MODEL, iter(given), root, batch_size=4, progress=done.append)
    assert found.image.shape == (10, 16)
    assert done == [4, 8, 10]
    assert found.missed == {}
    for name in names(10):
        expected = MODEL.encode_images([root / name])[0]
        torch.testing.assert_close(found[name], expected, atol=1e-6, rtol=0)
        assert name in found
    assert "deep/11.png" not in found


@pytest.mark.parametrize(
    ("bad", "reason"),
    [("gone.png", "no such file"), ("../outside.png", "outside"), ("http://a/b.jpg", "remote"), ("", "empty")],
)
def test_fewer_than_five_in_a_hundred_may_be_missing(root: Path, bad: str, reason: str) -> None:
    """1 of 21 is 4.8 %, 1 of 20 is 5 %; the missing one stands in the middle."""
    found = photographs(MODEL, [*names(10), bad, *names(20)[10:]], root, batch_size=3)
    assert list(found.row) == names(20)
    assert sorted(found.row.values()) == list(range(20))
    assert reason in found.missed[bad]
    assert bad not in found
    torch.testing.assert_close(found["deep/15.png"], MODEL.encode_images([root / "deep/15.png"])[0])
    with pytest.raises(MissingPictures, match="1 of 20 photographs") as caught:
        photographs(MODEL, [bad, *names(19)], root)
    assert reason in str(caught.value)
    assert str(root) in str(caught.value)


def test_the_first_five_of_the_missing_are_told(root: Path) -> None:
    with pytest.raises(MissingPictures) as caught:
        photographs(MODEL, [f"gone{number}.png" for number in range(9)], root)
    assert [f"gone{number}.png" in str(caught.value) for number in range(9)] == [True] * 5 + [False] * 4


def test_no_photographs_are_none_and_no_folder_is_an_error(root: Path) -> None:
    found = photographs(MODEL, [], root)
    assert (len(found.row), found.image.shape) == (0, (0, 16))
    with pytest.raises(FileNotFoundError, match="no such folder"):
        photographs(MODEL, names(1), root / "nowhere")
