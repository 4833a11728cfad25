"""Archives that outgrow one machine: files in, a folder of shards out, over Ray Data.

Files are read as on one machine and cut into shards; actors, each with one model, turn shards into files. Name and
content of a shard hang on the input alone: whoever does it again, since a worker died or a run was interrupted, puts
the same file in the same place. So nothing is lost or doubled.
"""

import json
import logging
import os
import pickle
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any
from uuid import uuid4

import pyarrow

from extraction.records import InputError
from extraction.shards import Shards

Json = dict[str, Any]
ENDINGS = (".jsonl", ".ndjson", ".jsonl.gz", ".parquet")
MOST_BYTES = 32 * 1024 * 1024
"""Of a shard's input: with long records it is cut before it has as many as are asked for."""
MEMORY = 2 * 1024**3
"""What an actor may need, where as many are taken as there is room for."""
READERS = 2
"""Files read at once: one is read as fast as a hundred processors extract from it."""
TRIES = 3
"""A shard that has ended its worker so often stops the run; Ray alone would try for ever."""


@dataclass(frozen=True)
class Pool:
    """Who works.

    Attributes:
        actors: copies of the model; None for as many as the cluster has room for when the run starts.
        cpus, gpus: what each holds. `gpus` None: one where the cluster has any and the device may be one.
        shard: records of the input for one file of the output.
    """

    actors: int | None = None
    cpus: float = 1
    gpus: float | None = None
    shard: int = 4096


@dataclass
class Done:
    """What a job makes of a shard: records, what could not be used, and counts as the caller adds them up."""

    records: list[Json] = field(default_factory=list)
    faults: list[Json] = field(default_factory=list)
    counts: Json = field(default_factory=dict)


Read = Callable[[str], Iterator[Any]]
"""A source's items, the same in the same order each time."""
Job = Callable[[str, list[Any]], Done]
"""A source and some of its items to what comes out."""


def files_of(source: str | Path) -> list[str]:
    """A file itself; of a folder the files of records in it, in depth, by name.

    Raises:
        InputError: standard input, nothing there, or a folder without such files.
    """
    path = Path(source)
    if str(source) == "-" or not path.exists():
        raise InputError(f"{source}: no such file or folder; Ray reads neither standard input nor what is not there")
    if path.is_file():
        return [str(source)]
    inside = (found for found in sorted(path.rglob("*")) if found.name.endswith(ENDINGS) and found.is_file())
    if not (files := [str(found) for found in inside if not found.name.startswith(".")]):
        raise InputError(f"{path}: holds no file that ends in {', '.join(ENDINGS)}")
    return files


def run(
    sources: Sequence[str],
    out: str | Path,
    *,
    read: Read,
    make: Callable[[str], Job],
    add: Callable[[Json], None],
    settings: str,
    pool: Pool | None = None,
    device: str = "auto",
    errors: str | Path | None = None,
    resume: bool = False,
    strict: bool = False,
    progress: Callable[[int], None] | None = None,
) -> None:
    """Every shard of every source through a job, into the folder `out`, which appears when all of them are there.

    Shard S of source N, counted from 0, is `part-N-S.jsonl`: by name they are in the order of the input. One whose
    records are all bad is not written.

    Args:
        read, make: are pickled and called on the cluster, `make` once in each actor and with its device.
        add: called here with the counts of each shard, in order, when all are done.
        settings: names whatever makes the output what it is; to resume it must be the same.
        errors: one file for what could not be used, in order; without it `out` with `.errors.jsonl` behind it.
        progress: called with the number of items done, after each shard.

    Raises:
        InputError: Ray is not installed, the output is in the way, `resume` does not fit what was begun, or the input
            cannot be used; with `strict`, something in it.
    """
    pool = pool or Pool()
    books = Shards(out, errors, sha256(f"{settings} {pool.shard}".encode()).hexdigest(), resume)
    here, done, names = os.getcwd(), 0, []
    cut = partial(_cut, here, read, pool.shard)
    with _ray() as ray, books:
        for row in _through(ray, sources, cut, pool, device, (here, make, str(books.folder), strict)):
            if row["stop"]:
                raise InputError(row["stop"])
            names.append(row["name"])
            done += row["items"]
            if progress:
                progress(done)
        books.finish(sorted(names), add)


@contextmanager
def _ray() -> Iterator[Any]:
    """The cluster of `RAY_ADDRESS`, one that was started here, or a new one on this machine for as long as needed."""
    try:
        import ray
        import ray.data
    except ImportError:
        raise InputError("the Ray engine needs Ray, which is not installed: pip install 'clip-event[ray]'") from None
    began = not ray.is_initialized()
    if began:
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # whoever wants to report to Ray's makers says so
        ray.init(include_dashboard=False, log_to_driver=False, logging_level=logging.WARNING)
    logging.getLogger("ray.data").setLevel(logging.ERROR)
    try:
        yield ray
    finally:
        if began:
            ray.shutdown()


def _through(
    ray: Any, sources: Sequence[str], cut: Any, pool: Pool, device: str, given: tuple[Any, ...]
) -> Iterator[Json]:
    """One row for each shard, as they are done."""
    room = ray.cluster_resources()
    gpus = pool.gpus if pool.gpus is not None else float(device != "cpu" and room.get("GPU", 0) >= 1)
    needs = {"CPU": pool.cpus, "GPU": gpus, "memory": MEMORY}
    fit = int(min(room.get(name, 0) / need for name, need in needs.items() if need))
    data = ray.data.from_items(
        [{"number": number, "source": source} for number, source in enumerate(sources)],
        override_num_blocks=min(len(sources), 1000),
    )
    # what an actor is given at once is a block: a shard each, however small
    data.context.target_max_block_size = 1
    data.context.enable_progress_bars = data.context.print_on_execution_start = False
    # readers hold no processor, so that actors may hold them all
    readers = ray.data.TaskPoolStrategy(size=min(READERS, len(sources)))
    data = data.map_batches(cut, batch_size=1, batch_format="pyarrow", num_cpus=0, compute=readers)
    data = data.map_batches(
        _Worker,
        batch_size=1,
        batch_format="pyarrow",
        compute=ray.data.ActorPoolStrategy(size=pool.actors or max(1, fit)),
        fn_constructor_args=("cpu" if device == "auto" and not gpus else device, *given),
        num_cpus=pool.cpus,
        num_gpus=gpus,
    )
    yield from data.iter_rows()


def _cut(here: str, read: Read, size: int, batch: pyarrow.Table) -> Iterator[pyarrow.Table]:
    """A row for each shard of the sources, with its items."""
    for row in batch.to_pylist():
        source = row["source"]
        try:
            os.chdir(here)  # paths may be relative to where the command was given
            for index, items in enumerate(_shards(read(source), size)):
                name = f"part-{row['number']:06d}-{index:06d}"
                yield _table(name=name, source=source, items=pickle.dumps(items), stop="")
        except (ValueError, OSError) as error:
            yield _table(name="", source=source, items=b"", stop=str(error))


def _shards(items: Iterable[Any], size: int) -> Iterator[list[bytes]]:
    shard, taken = [], 0
    for item in items:
        shard.append(pickle.dumps(item))
        taken += len(shard[-1])
        if len(shard) == size or taken >= MOST_BYTES:
            yield shard
            shard, taken = [], 0
    if shard:
        yield shard


def _table(**row: Any) -> pyarrow.Table:
    return pyarrow.Table.from_pylist([row])


class _Worker:
    """An actor: its job, with its model, and the folder that it writes to.

    What a user can mend goes back as `stop`: Ray would bury an error in its own.
    """

    def __init__(self, device: str, here: str, make: Callable[[str], Job], folder: str, strict: bool) -> None:
        self.device, self.here, self.make, self.folder, self.strict = device, here, make, Path(folder), strict
        self.job: Job | None = None

    def __call__(self, batch: pyarrow.Table) -> Iterator[pyarrow.Table]:
        for row in batch.to_pylist():
            items, stop = [], row["stop"]
            if not stop:
                items = [pickle.loads(item) for item in pickle.loads(row["items"])]
                try:
                    self._shard(row["name"], row["source"], items)
                except (ValueError, OSError) as error:
                    stop = str(error)
            yield _table(name=row["name"], items=len(items), stop=stop)

    def _shard(self, name: str, source: str, items: list[Any]) -> None:
        note = self.folder / "notes" / f"{name}.json"
        if note.exists():
            return
        with (self.folder / "tries" / name).open("ab") as tries:
            if tries.tell() >= TRIES:
                raise InputError(
                    f"{source}: shard {name} ended its worker {TRIES} times; give actors more memory (fewer of them, "
                    "or a smaller --shard), or see Ray's logs for which record it is"
                )
            tries.write(b".")
        if self.job is None:
            os.chdir(self.here)
            self.job = self.make(self.device)
        done = self.job(source, items)
        if self.strict and done.faults:
            raise InputError(said(done.faults[0]))
        if done.records:
            self._write(self.folder / "shards" / f"{name}.jsonl", done.records)
        self._write(note, [{"counts": done.counts, "faults": done.faults}])

    def _write(self, path: Path, rows: list[Json]) -> None:
        """Whole or not at all, also where a worker that was thought dead writes the same at the same time."""
        partial = self.folder / "tries" / uuid4().hex
        with partial.open("w", encoding="utf-8", newline="\n") as out:
            out.writelines(json.dumps(row, ensure_ascii=False, default=str) + "\n" for row in rows)
        os.replace(partial, path)


def said(fault: Json) -> str:
    """A line of the errors file in words."""
    places = [f"{fault['file']}: "] * ("file" in fault) + [f"line {fault['line']}: "] * ("line" in fault)
    return f"{''.join(places)}{fault['reason']}"
