"""The command line under torchrun: killed, continued by another number of processes and on two machines, refused."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch
from runs import config, every_line, lines, quiet, settings, small_world
from safetensors.torch import load_file

from clip_event.data.order import order
from clip_event.towers.models import load
from clip_event.tuning.config import Config
from clip_event.tuning.finetune import Stopped, finetune

ROOT = Path(__file__).parent.parent
RECORDS, BATCH, EPOCH, STEPS, STOPPED = 46, 4, 11, 22, 14
BAD_STEP = 3  # whose second half, the part of the second of two processes, has no picture that can be read
SECTIONS = {
    "model": {"prompt": "learned"},
    "optim": {"batch": BATCH, "chunk": 1, "epochs": 2},
    "evaluation": {"alphas": [1.0]},
}
LAUNCH = [sys.executable, "-m", "torch.distributed.run"]


def toml(given: dict, above: str = "") -> str:
    plain = [f"{name} = {json.dumps(value)}\n" for name, value in given.items() if not isinstance(value, dict)]
    tables = {f"{above}{name}": value for name, value in given.items() if isinstance(value, dict)}
    return "".join(plain) + "".join(f"[{name}]\n{toml(table, f'{name}.')}" for name, table in tables.items())


def bad_records() -> list[int]:
    start = BATCH * (BAD_STEP - 1) + BATCH // 2
    return order(RECORDS, 0, 0)[start : start + BATCH // 2].tolist()


@pytest.fixture(scope="module")
def world(tmp_path_factory) -> Path:
    folder = small_world(tmp_path_factory.mktemp("world"))
    path = folder / "train/gold.jsonl"
    rows = [json.loads(line) for line in path.open()][:RECORDS]
    for number in bad_records():
        rows[number]["image"] = f"gone {number}.png"
    path.write_text("\n".join(map(json.dumps, rows)))
    return folder


@pytest.fixture(scope="module")
def whole_run(world, tmp_path_factory) -> Path:
    """What one process makes of it from beginning to end."""
    return finetune(config(world, tmp_path_factory.mktemp("runs") / "whole", **SECTIONS), say=quiet)


class Launched:
    """The command under torchrun, what it says in a file."""

    def __init__(self, world: Path, out: Path, log: Path, *torchrun: str, more: tuple[str, ...] = ()) -> None:
        path, self.log = log.with_suffix(".toml"), log
        path.write_text(toml(settings(world, out, **SECTIONS)))
        command = [*LAUNCH, *torchrun, "-m", "clip_event.cli", "finetune", "--config", str(path), *more]
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
        with log.open("w") as said:
            self.process = subprocess.Popen(command, env=environment, stderr=said)

    def says(self, line: str) -> None:
        """Wait for it."""
        while line not in self.log.read_text():
            assert self.process.poll() is None, self.log.read_text()
            time.sleep(0.05)

    def kill(self, rank: int) -> None:
        me = self.process.pid
        for child in Path(f"/proc/{me}/task/{me}/children").read_text().split():
            if f"RANK={rank}" in Path(f"/proc/{child}/environ").read_text().split("\0"):
                os.kill(int(child), signal.SIGKILL)

    def ended(self) -> tuple[int, str]:
        """Its status and what it said."""
        return self.process.wait(timeout=600), self.log.read_text()


@dataclass
class Changed:
    """A run by two processes, one of which is killed; by one, which is stopped; and by two machines, to the end."""

    out: Path
    killed: tuple[int, str]
    seconds: float
    checkpoint: int
    machines: list[tuple[int, str]]


def stopped_after(given: Config, step: int) -> None:
    """Go on in this process, which is asked to stop."""

    def say(line: str) -> None:
        if line.startswith(f"step {step:>5}/"):
            signal.raise_signal(signal.SIGTERM)

    with pytest.raises(Stopped, match=f"stopped after step {step}; go on with --resume"):
        finetune(given, resume=True, say=say)


@pytest.fixture(scope="module")
def changed(world, tmp_path_factory) -> Changed:
    folder = tmp_path_factory.mktemp("runs")
    out = folder / "changed"
    two = Launched(world, out, folder / "two.log", "--nproc-per-node=2")
    two.says("step     3/")
    two.kill(rank=1)
    began = time.monotonic()
    killed, seconds = two.ended(), time.monotonic() - began
    checkpoint = torch.load(out / "checkpoint.pt", weights_only=True)["step"]
    stopped_after(config(world, out, **SECTIONS), STOPPED)
    with socket.socket() as free:
        free.bind(("localhost", 0))
        there = f"--rdzv-endpoint=localhost:{free.getsockname()[1]}"
    line = ("--nnodes=2", "--nproc-per-node=1", "--rdzv-backend=c10d", there)
    machines = [Launched(world, out, folder / f"{name}.log", *line, more=("--resume",)) for name in ("first", "second")]
    return Changed(out, killed, seconds, checkpoint, [one.ended() for one in machines])


def test_a_killed_process_ends_the_others_and_leaves_a_checkpoint(changed):
    status, said = changed.killed
    assert status == 1
    assert changed.seconds < 120  # where it hung, until the limit of half an hour
    assert "Signal 9 (SIGKILL) received" in said  # torchrun's report
    assert said.count("another process ended") == 1
    assert "[rank0]: Traceback" not in said
    assert 2 <= changed.checkpoint <= STOPPED


def weights(state: dict[str, torch.Tensor]) -> torch.Tensor:
    """All in a row, but for the biases of keys: attention does not hang on them, and Adam moves them by rounding."""
    for name, tensor in state.items():
        if name.endswith("attn.in_proj_bias"):
            tensor.chunk(3)[1].zero_()
    return torch.cat([state[name].flatten() for name in sorted(state)])


def test_a_run_that_changes_hands_is_the_run_of_one_process(changed, whole_run, world):
    assert [status for status, _ in changed.machines] == [0, 0], changed.machines
    told = [
        [(one["event"], one.get("step"), one.get("when")) for one in every_line(f)] for f in (changed.out, whole_run)
    ]
    assert told[0] == told[1]
    steps, expected = (lines(folder, "step") for folder in (changed.out, whole_run))
    assert [one["step"] for one in steps] == list(range(1, STEPS + 1))
    for name in ("epoch", "lr"):
        assert [one[name] for one in steps] == [one[name] for one in expected]
    for name in ("loss", "logit_scale"):
        assert [one[name] for one in steps] == pytest.approx([one[name] for one in expected], rel=1e-4)
    start = weights(load(str(world / "small"), random=1).model.state_dict())
    ours, alone = (weights(load_file(folder / "open_clip_model.safetensors")) for folder in (changed.out, whole_run))
    moved, apart = (float((alone - other).norm()) for other in (start, ours))
    assert moved > 0.1
    assert apart < 0.01 * moved


def test_photographs_that_any_process_misses_are_counted_and_listed_once(changed, whole_run):
    """Since the run was last gone on with; each of them lies in one process's part of a step."""
    taken = [n for epoch in range(2) for n in order(RECORDS, epoch, 0)[: EPOCH * BATCH].tolist()]
    for folder, after in ((changed.out, STOPPED), (whole_run, 0)):
        missed = [number for number in taken[after * BATCH :] if number in bad_records()]
        assert missed
        seen = (STEPS - after) * BATCH
        assert lines(folder, "missing") == [{"event": "missing", "count": len(missed), "seen": seen}]
        listed = [json.loads(line)["place"] for line in (folder / "missing.jsonl").open()]
        assert sorted(listed) == sorted({f"gone {number}.png" for number in missed})


def test_what_all_processes_say_is_said_once(world, changed, tmp_path):
    assert "".join(said for _, said in changed.machines).count("the tuned model; see report.html") == 1
    out = tmp_path / "refused"
    refused = Launched(world, out, tmp_path / "refused.log", "--nproc-per-node=2", more=("--set", "optim.batch=7"))
    status, said = refused.ended()
    assert status == 1
    assert said.count("optim.batch=7 cannot be shared evenly by 2 processes; expected a multiple of 2") == 1
    assert not out.exists()
