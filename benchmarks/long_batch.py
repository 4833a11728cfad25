"""The largest batch in a fixed memory, with gradient caching (`optim.chunk`) and without, and what caching costs.

    python -m benchmarks.long_batch [--model mini] [--batch 32] [--chunk 8] [--repeats 5]

The fixed memory is what a step over `--batch` photographs takes beyond the model, its gradients and the optimizer's
state when it is not cut. With caching the batch is doubled as long as it fits. On a GPU memory is
`torch.cuda.max_memory_allocated`, on a CPU the peak of a fresh process. Time is that of a sample, in turn in one
process: at the fixed batch without caching, at 4 times that batch with it.
"""

import argparse
import resource
import subprocess
import sys

import torch

from benchmarks.side_by_side import Row, alternately, cpu_ratio, keep, ratio, row, show
from benchmarks.step import Ways

MOST = 8
"""Times the fixed batch that is tried."""


def peak(name: str, device: torch.device, size: int, chunk: int | None) -> int:
    """Bytes that a step takes beyond what stands between steps; in this process, which has to be a fresh one."""
    ways = Ways(name, device)
    ways.ours(2)()  # gradients and the optimizer's state
    step = ways.ours(size, chunk=chunk)
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats()
        before = torch.cuda.memory_allocated()
        step()
        return torch.cuda.max_memory_allocated() - before
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    step()
    return 1024 * (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)


def peak_of(given: argparse.Namespace, size: int, chunk: int | None) -> int:
    """`peak` of a fresh process."""
    command = [sys.executable, "-m", "benchmarks.long_batch", "--model", given.model, "--device", given.device]
    done = subprocess.run([*command, "--peak", str(size), str(chunk or 0)], capture_output=True, text=True, check=True)
    return int(done.stdout.split()[-1])


def largest(given: argparse.Namespace) -> Row:
    """How many times the fixed batch goes into the memory of one that is not cut."""
    budget = peak_of(given, given.batch, None)
    times = 1
    while times < MOST and (more := peak_of(given, 2 * times * given.batch, given.chunk)) <= budget:
        times *= 2
    said = "the most tried" if times == MOST else f"{2 * times} times would take {more / 2**20:.0f} MB"
    note = f"in {budget / 2**20:.0f} MB: {given.batch} whole, {times * given.batch} in parts of {given.chunk}; {said}"
    return row("long batch: times the batch", [times], ">= 4", note)


def main(arguments: list[str] | None = None) -> list[Row]:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="mini")
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--chunk", type=int, default=8)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--peak", type=int, nargs=2, metavar=("BATCH", "CHUNK"), help="print the bytes of one step")
    given = parser.parse_args(arguments)
    device = torch.device(given.device)
    if device.type == "cpu":
        torch.set_num_threads(1)
    if given.peak:
        print(peak(given.model, device, given.peak[0], given.peak[1] or None))
        return []
    rows = [largest(given)]
    ways = Ways(given.model, device)
    whole, four = ways.ours(given.batch), ways.ours(4 * given.batch, chunk=given.chunk)
    times = alternately({"whole": lambda: [whole() for _ in range(4)], "parts": four}, given.repeats)
    compared = cpu_ratio if device.type == "cpu" else ratio
    note = f"{given.model}, {4 * given.batch} in parts of {given.chunk} against 4 x {given.batch} whole"
    rows.append(compared("long batch: time a sample", times["parts"], times["whole"], "<= 1.4", note))
    show(rows)
    keep("long_batch", rows)
    return rows


if __name__ == "__main__":
    main()
