"""What a run over shards leaves on disk while it goes on, and how it becomes the output: all of it, or nothing."""

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from extraction.records import InputError
from templates.whole import PARTIAL, whole


class Shards:
    """The folder `out.partial`: shards, a note of each that is done, and whose run it is.

    Raises:
        InputError: the output is in the way, or what was begun is of other input or settings.
    """

    def __init__(self, out: str | Path, errors: str | Path | None, settings: str, resume: bool) -> None:
        if str(out) == "-":
            raise InputError("the Ray engine writes a folder of shards; name one with -o OUT")
        self.out, self.settings, self.resume = Path(out), settings, resume
        self.errors = Path(errors) if errors else self.out.with_name(self.out.name + ".errors.jsonl")
        self.folder = Path(os.path.abspath(out) + PARTIAL)
        self.run = self.folder / "run.json"
        if self.errors.is_dir():
            raise InputError(f"{self.errors}: is a folder; give the name of a file")
        if self.out.exists() and not (self.out.is_dir() and not any(self.out.iterdir())):
            what = "is complete, nothing to resume" if resume else "is there already"
            raise InputError(f"{self.out}: {what}; name another folder, or remove it to begin anew")
        if self.folder.exists() and not self.run.exists():
            raise InputError(f"{self.folder}: is not what a run left; remove it, or name another output")
        if resume and self.run.exists() and json.loads(self.run.read_text())["settings"] != settings:
            raise InputError(
                f"{self.folder}: was begun with other input or settings; give the same ones, or leave out --resume"
            )

    def __enter__(self) -> "Shards":
        if self.run.exists() and not self.resume:
            shutil.rmtree(self.folder)
        for name in ("shards", "notes", "tries"):
            (self.folder / name).mkdir(parents=True, exist_ok=True)
        for old in (self.folder / "tries").iterdir():  # a run that is resumed may try as often
            old.unlink()
        with whole(self.run) as out:
            json.dump({"settings": self.settings}, out)
        return self

    def finish(self, names: list[str], add: Callable[[dict[str, Any]], None]) -> None:
        """Give shards and errors their names."""
        self.errors.parent.mkdir(parents=True, exist_ok=True)
        bad = 0
        with whole(self.errors) as out:
            for name in names:
                note = json.loads((self.folder / "notes" / f"{name}.json").read_text(encoding="utf-8"))
                out.writelines(json.dumps(fault, ensure_ascii=False) + "\n" for fault in note["faults"])
                bad += len(note["faults"])
                add(note["counts"])
        if not bad:
            self.errors.unlink()  # an earlier run's would be read as this one's
        os.replace(self.folder / "shards", self.out)
        shutil.rmtree(self.folder)

    def __exit__(self, *error: object) -> None:
        notes = self.folder / "notes"
        if notes.exists() and not any(notes.iterdir()):  # what could not begin leaves nothing behind
            shutil.rmtree(self.folder)
