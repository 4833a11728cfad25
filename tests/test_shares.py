"""What the processes of a run train on: of every kind of source each record of an epoch once, however many they are."""

import io
import json
import tarfile
from functools import cache
from pathlib import Path

import datasets
import pytest
import torch
from runs import config, small_world

from clip_event.descriptions import describe
from clip_event.tuning.assembly import assemble, batches
from clip_event.tuning.config import Config
from clip_event.tuning.ranks import Place
from templates.pairs import Wanted

CPU = torch.device("cpu")
RECORDS, BATCH, EPOCH = 46, 6, 42  # an epoch is 7 whole batches; the last 4 records are left out
KINDS = ("events", "captions", "descriptions", "shards", "dataset")
Ids = list[str]


def write(path: Path, rows: list[dict]) -> Path:
    path.write_text("\n".join(map(json.dumps, rows)))
    return path


def sources(world: Path) -> dict[str, Path]:
    """The same records as every kind of source; the picture of the second is broken."""
    rows = [json.loads(line) for line in (world / "train/gold.jsonl").open()][:RECORDS]
    pictures = [(world / "train" / row["image"]).read_bytes() if n != 1 else b"broken" for n, row in enumerate(rows)]
    (world / "train" / "broken.png").write_bytes(b"broken")
    rows[1]["image"] = "broken.png"
    found = {"events": write(world / "train/some.jsonl", rows)}
    captions = [{name: row[name] for name in ("id", "caption", "image")} for row in rows]
    found["captions"] = write(world / "train/plain.jsonl", captions)
    found["descriptions"] = world / "train/said.jsonl"
    describe(found["events"], found["descriptions"], Wanted(("sentence", "caption"), {"event": 1, "role": 1}))
    found["shards"] = world / "shards"
    found["shards"].mkdir()
    for shard, part in enumerate((range(20), range(20, RECORDS))):
        with tarfile.open(found["shards"] / f"{shard}.tar", "w") as tar:
            for number in part:
                about = {name: rows[number][name] for name in ("id", "caption", "events", "salient")}
                for ending, content in (("png", pictures[number]), ("json", json.dumps(about).encode())):
                    member = tarfile.TarInfo(f"{number:03}.{ending}")
                    member.size = len(content)
                    tar.addfile(member, io.BytesIO(content))
    columns = {name: [row[name] for row in rows] for name in ("id", "caption", "salient")}
    columns["events"] = [json.dumps(row["events"]) for row in rows]
    columns["image"] = [{"bytes": content, "path": None} for content in pictures]
    table = datasets.Dataset.from_dict(columns).cast_column("image", datasets.Image(decode=False))
    found["dataset"] = world / "table.parquet"
    table.to_parquet(found["dataset"])
    return found


class Opened:
    """A source that a run trains on."""

    def __init__(self, config: Config) -> None:
        self.config, self.assembly = config, assemble(config, Place(0, 1, CPU))


@cache
def seen(opened: Opened, world: int, epoch: int, first: int = 0, seed: int = 0) -> list[list[tuple[Ids, Ids]]]:
    """For each batch from number `first` on and each rank in it, the records with a picture and those without."""
    told, ranks = opened.config.model_copy(update={"seed": seed}), []
    for rank in range(world):
        loader = batches(opened.assembly, told, Place(rank, world, CPU), epoch, first)
        ranks.append([(list(map(str, one.ids)), [str(missed.id) for missed in one.missed]) for one in loader])
    return [list(parts) for parts in zip(*ranks, strict=True)]


def names(batched: list[list[tuple[Ids, Ids]]]) -> Ids:
    return [name for parts in batched for there, missed in parts for name in (*there, *missed)]


@pytest.fixture(scope="module")
def given(tmp_path_factory) -> tuple[Path, dict[str, Path]]:
    world = small_world(tmp_path_factory.mktemp("world"))
    return world, sources(world)


@pytest.fixture(scope="module", params=KINDS)
def opened(request, given, tmp_path_factory) -> Opened:
    world, paths = given
    data = {"train": str(paths[request.param]), "styles": ["sentence", "caption"]}
    if request.param in ("events", "captions", "descriptions"):
        data["images"] = str(world / "train")
    return Opened(config(world, tmp_path_factory.mktemp("out"), data=data, optim={"batch": BATCH}))


def test_the_ranks_see_what_one_process_sees_each_record_once(opened, given):
    every = {json.loads(line)["id"] for line in given[1]["events"].open()}
    assert len(every) == RECORDS
    for epoch in range(2):
        alone = seen(opened, 1, epoch)
        assert len(alone) == 7
        assert len(set(names(alone))) == len(names(alone)) == EPOCH
        assert set(names(alone)) < every
        for world in (2, 3):
            shared = seen(opened, world, epoch)
            assert {len(there) + len(missed) for parts in shared for there, missed in parts} == {BATCH // world}
            assert [sorted(names([parts])) for parts in shared] == [sorted(names([parts])) for parts in alone]


def test_epochs_and_seeds_have_other_orders(opened):
    orders = [names(seen(opened, 1, epoch, seed=seed)) for epoch, seed in ((0, 0), (1, 0), (0, 1))]
    assert orders[0] != orders[1] != orders[2] != orders[0]


def test_another_number_of_processes_goes_on_with_what_was_not_seen(opened):
    both = names(seen(opened, 2, 1)[:3]) + names(seen(opened, 3, 1, first=3))
    assert len(set(both)) == len(both) == EPOCH


def test_a_broken_picture_is_missed_by_one_rank(opened, given):
    second = json.loads(given[1]["events"].read_text().splitlines()[1])["id"]
    for epoch in range(2):
        missed = [name for parts in seen(opened, 3, epoch) for _, missed in parts for name in missed]
        assert missed == [second] * (second in names(seen(opened, 1, epoch)))
    assert second in names(seen(opened, 1, 0))


def test_fewer_records_than_a_batch_are_refused(given, tmp_path):
    data = {"train": str(given[1]["events"]), "images": str(given[0] / "train")}
    with pytest.raises(ValueError, match=r"some.jsonl: 46 records for training, fewer than optim.batch=48"):
        assemble(config(given[0], tmp_path, data=data, optim={"batch": 48}), Place(0, 2, CPU))
