"""Pictures that a run could not use: counted, listed, and an error when there are too many of them."""

import json
from pathlib import Path

from clip_event.pictures.reading import PictureError
from templates.whole import whole

TOO_MANY = 0.05
ENOUGH = 200
SHOWN = 20


class MissingPictures(ValueError):
    """So many pictures are missing that the image folder is probably wrong."""


def too_many(missed: int, asked: int) -> bool:
    """Whether 5 % or more are missing."""
    return missed > 0 and missed >= TOO_MANY * asked


class Missing:
    """Collects what workers hand back instead of pictures.

    Args:
        path: JSONL file for the whole list, one `{"id", "place", "reason"}` a line.
        writes: whether to write it; of several processes one does.

    Attributes:
        count: how often a picture was missing. One that is missing in every epoch counts every time, as it is seen
            every time, and is listed once.
    """

    def __init__(self, path: str | Path, *, writes: bool = True) -> None:
        self.path, self.writes = Path(path), writes
        self.count = 0
        self._found: dict[tuple[str | int, str], str] = {}

    def add(self, id: str | int, error: PictureError) -> None:
        self.count += 1
        self._found[id, error.place] = error.reason

    def check(self, seen: int, *, end: bool = False) -> None:
        """Raises where 5 % or more of the pictures are missing.

        Args:
            seen: pictures asked for so far, the missing ones among them. Fewer than 200 are judged only at the end.
            end: whether these were all.

        Raises:
            MissingPictures: with the first 20; the whole list is in `path`.
        """
        if not too_many(self.count, seen) or not (end or seen >= ENOUGH):
            return
        self.write()
        first = list(self._found.items())[:SHOWN]
        raise MissingPictures(
            f"{self.count:,} of {seen:,} pictures cannot be used ({self.count / seen:.0%}), expected less than "
            f"{TOO_MANY:.0%}; is the image folder right? All of them are listed in {self.path}. The first {len(first)}:"
            + "".join(f"\n  {id}: {place}: {reason}" for (id, place), reason in first)
        )

    def write(self) -> None:
        """Write the list; the file appears whole, and an older one goes where nothing is missing."""
        if not self.writes:
            return
        if not self._found:
            self.path.unlink(missing_ok=True)
            return
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with whole(self.path) as out:
            for (id, place), reason in self._found.items():
                out.write(json.dumps({"id": id, "place": place, "reason": reason}, ensure_ascii=False) + "\n")
