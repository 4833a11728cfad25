"""Two processes against one: losses and gradients through DDP, with uneven numbers of texts and of rows that count; and
what processes do together: wait for one that takes long, tell each other things, refuse what differs, end together."""

import json
import os
import socket
import time
from datetime import timedelta
from pathlib import Path

import pytest
import torch
from torch import Tensor, multiprocessing, nn
from torch import distributed as dist
from torch.nn import functional as F
from torch.nn.parallel import DistributedDataParallel

from clip_event.tuning.losses import Reduce, contrastive_loss, hard_negative_loss, image_logits, mean
from clip_event.tuning.ranks import gather, mean_over_ranks, placed

IMAGES, TEXTS = 5, 9
SHARES = {1: [(slice(0, 5), slice(0, 9))], 2: [(slice(0, 2), slice(0, 6)), (slice(2, 5), slice(6, 9))]}


class Towers(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(0)
        self.image, self.text = (
            nn.Parameter(torch.randn(6, 4, generator=generator, dtype=torch.float64)) for _ in range(2)
        )
        self.logit_scale = nn.Parameter(torch.tensor(1.5, dtype=torch.float64))

    def forward(self, image: Tensor, text: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        return F.normalize(image @ self.image, dim=-1), F.normalize(text @ self.text, dim=-1), self.logit_scale.exp()


def losses(model: nn.Module, images: slice, texts: slice, reduce: Reduce) -> Tensor:
    """The contrast of the whole batch, and own negatives of one's own images among the texts of both processes."""
    generator = torch.Generator().manual_seed(1)
    pictures, words = (torch.randn(n, 6, generator=generator, dtype=torch.float64) for n in (IMAGES, TEXTS))
    numbers = torch.randint(TEXTS, (IMAGES, 4), generator=generator)
    valid = torch.tensor([[1, 1, 1], [0, 0, 0], [1, 0, 0], [0, 1, 1], [0, 0, 0]]).bool()
    own, text, scale = model(pictures[images], words[texts])
    text = gather(text)
    whole = contrastive_loss(gather(own), text, scale, gather(torch.eye(IMAGES, TEXTS).bool()[images]))
    logits = image_logits(own, text[numbers[images]], scale)
    return torch.stack([whole, hard_negative_loss(logits, valid[images], reduce=reduce)])


def run(rank: int, world: int, folder: Path) -> None:
    """One process; writes its losses and the gradients after DDP has averaged them."""
    model: nn.Module = Towers()
    if world > 1:
        os.environ["GLOO_SOCKET_IFNAME"] = "lo"
        dist.init_process_group("gloo", init_method=f"file://{folder}/meet", rank=rank, world_size=world)
        model = DistributedDataParallel(model)
    values = losses(model, *SHARES[world][rank], mean_over_ranks if world > 1 else mean)
    values.sum().backward()
    kept = {name.removeprefix("module."): parameter.grad for name, parameter in model.named_parameters()}
    torch.save({"losses": values.detach(), **kept}, folder / f"{world}-{rank}.pt")
    if world > 1:
        dist.destroy_process_group()


def test_two_processes_have_the_losses_and_gradients_of_one(tmp_path: Path) -> None:
    run(0, 1, tmp_path)
    multiprocessing.spawn(run, args=(2, tmp_path), nprocs=2)
    one, *both = (torch.load(tmp_path / name, weights_only=True) for name in ("1-0.pt", "2-0.pt", "2-1.pt"))
    assert one["losses"].min() > 0.01
    assert both[0]["losses"][0] == both[1]["losses"][0]
    assert both[0]["losses"][1] != both[1]["losses"][1]
    torch.testing.assert_close((both[0]["losses"] + both[1]["losses"]) / 2, one["losses"], atol=1e-12, rtol=0)
    for name in ("image", "text", "logit_scale"):
        assert one[name].abs().max() > 0.01
        for two in both:
            torch.testing.assert_close(two[name], one[name], atol=1e-12, rtol=0)


@pytest.mark.parametrize("counted", [[True, False, True], [False] * 3])
def test_one_process_gathers_nothing_and_has_the_plain_mean(counted: list[bool]) -> None:
    rows = torch.tensor([1.0, 5.0, 3.0])
    assert gather(rows) is rows
    assert mean_over_ranks(rows, torch.tensor(counted)) == (2.0 if any(counted) else 0.0)


def together(rank: int, port: int, folder: Path) -> None:
    """One of two processes; writes what it was told."""
    os.environ |= {"RANK": str(rank), "WORLD_SIZE": "2", "MASTER_ADDR": "localhost", "MASTER_PORT": str(port)}
    os.environ["GLOO_SOCKET_IFNAME"] = "lo"
    dist.distributed_c10d.default_pg_timeout = timedelta(seconds=1)  # torch's own is half an hour
    told = {}
    try:
        with placed("cpu") as place:
            told["every"] = place.every({"rank": rank})
            told["anywhere"] = place.anywhere(False, rank == 1)
            try:
                place.agree({"optim.lr": 1e-5, "records": 7 + rank})
            except ValueError as error:
                told["refused"] = str(error)
            time.sleep(3 * (rank == 0))
            place.wait()
            told["waited"] = True
            time.sleep(3 * (rank == 0))
            place.anywhere(False)
    except ConnectionError as error:
        told["ended"] = str(error)
    (folder / f"{rank}.json").write_text(json.dumps(told))


def test_processes_wait_long_tell_each_other_and_refuse_what_differs(tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("localhost", 0))
        port = free.getsockname()[1]
    multiprocessing.spawn(together, args=(port, tmp_path), nprocs=2)
    for rank in range(2):
        told = json.loads((tmp_path / f"{rank}.json").read_text())
        assert told["every"] == [{"rank": 0}, {"rank": 1}]
        assert told["anywhere"] == [False, True]
        assert told["refused"].startswith("process 1 has records = 8 and process 0 7; expected the same")
        assert told["waited"]
        assert "another process ended or hangs" in told["ended"]


def test_alone_there_is_nobody_to_wait_for_or_to_differ_from() -> None:
    with placed("cpu") as place:
        place.wait()
        place.agree({"records": 7})
        assert place.every("all") == ["all"]
        assert place.anywhere(True, False) == [True, False]
