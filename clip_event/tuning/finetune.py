"""`clip-event finetune`: tune an open_clip model on photographs, their events and what is false of them.

The loop reads from top to bottom: evaluate, step, log, save, evaluate after each epoch; then go part of the way back to
the starting model, as far as the validation data says, and save a folder that plain open_clip loads. Under `torchrun`
every process runs it; the first one writes.
"""

import json
import math
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import Any

import torch
from torch import nn

from clip_event.data.batches import Batch
from clip_event.data.prepare import Progress
from clip_event.pictures.missing import Missing
from clip_event.towers.files import EVENT_CONFIG
from clip_event.towers.models import save
from clip_event.towers.trainable import check_gradients, merge, training_mode
from clip_event.tuning.assembly import Assembly, assemble, batches, steps_of
from clip_event.tuning.checkpoint import CHECKPOINT, load_checkpoint, save_checkpoint
from clip_event.tuning.config import Config
from clip_event.tuning.history import leaves
from clip_event.tuning.metrics import Metrics, metrics
from clip_event.tuning.optimizer import LARGEST_SCALE, optimizer, share
from clip_event.tuning.ranks import Place, placed
from clip_event.tuning.retention import interpolate
from clip_event.tuning.steps import backward
from clip_event.tuning.validation import Result, hardest
from templates.whole import whole

Say = Callable[[str], None]
Assemble = Callable[[Config, Place, Progress | None], Assembly]


class FinetuneError(ValueError):
    """A run that cannot go on."""


class Stopped(Exception):
    """The run was asked to stop; where it stood is saved."""


def finetune(config: Config, *, resume: bool = False, say: Say = print, assembled: Assemble = assemble) -> Path:
    """Tune the model and write the run's folder, whose path is returned.

    Args:
        resume: go on from the folder's checkpoint; on a CPU to the same losses, bit for bit.
        say: takes lines for people.
        assembled: makes what the loop runs on, where it is to be other than `assemble` makes it.

    Raises:
        FinetuneError: the folder is another run's, the processes cannot share a batch evenly, or a loss is not finite
            (with the ids of the batch).
        CheckpointError: `resume` without a checkpoint of these settings.
        MissingPictures: 5 % or more of the photographs cannot be read.
        Stopped: after SIGTERM, with a checkpoint written.
        ConnectionError, ValueError: another process ended, or was given something else; see `clip_event.tuning.ranks`.
        ModelError, InputError, ValueError: see `clip_event.tuning.assembly.assemble`.
    """
    with placed(config.device) as place:
        if config.optim.batch % place.world:
            raise FinetuneError(
                f"optim.batch={config.optim.batch} cannot be shared evenly by {place.world} processes; expected a "
                f"multiple of {place.world}"
            )
        folder = _folder(config, resume) if place.rank == 0 else Path(config.out)
        assembly = assembled(config, place, _progress(say) if place.rank == 0 else None)
        speak = say if place.rank == 0 else _quiet
        for line in assembly.lines():
            speak(line)
        run = _Run(config, place, assembly, folder, speak)
        step = run.resumed() if resume else None
        run.check(step)
        with metrics(folder if place.rank == 0 else None, after=step) as run.written:
            run.go(step)
        if place.rank == 0:
            _finish(folder)
    return folder


class _Run:
    """One run: what its steps share."""

    def __init__(self, config: Config, place: Place, assembly: Assembly, folder: Path, say: Say) -> None:
        self.config, self.place, self.assembly, self.folder, self.say = config, place, assembly, folder, say
        self.written: Metrics | None = None
        self.model, self.whole = assembly.loaded.model, assembly.encoder.whole
        self.optimizer = optimizer(self.whole, config.optim)
        self.missing, self.seen = Missing(folder / "missing.jsonl", writes=place.rank == 0), 0
        self.each, self.steps = steps_of(config, len(assembly.numbers))
        self.stop = False
        shared = config.model_dump(exclude={"out", "device", "log_every", "save_every", "evaluation"})
        self.settings = json.dumps(shared, sort_keys=True)

    def resumed(self) -> int:
        """The step that the checkpoint was written after; all stands as it did then."""
        step = load_checkpoint(self.folder, self.whole, self.optimizer, self.settings)
        self.say(f"going on after step {step}")
        return step

    def check(self, after: int | None) -> None:
        """That all processes do the same. Waits for those that still load; alone there is nothing to compare."""
        if self.place.world == 1:
            return
        given = dict(leaves(self.config.model_dump(exclude={"out", "device"})))
        records = len(self.assembly.numbers)
        weights = sum(int(one.flatten().view(torch.uint8).sum()) for one in self.whole.state_dict().values())
        self.place.agree({**given, "records to train on": records, "steps done": after, "sum of the weights": weights})

    def go(self, after: int | None) -> None:
        """From the first step on, or from the one after."""
        if self.written and after is None:
            self.written.write("plan", **self.assembly.plan)
        before = self._evaluate(self.assembly.beginning, 0, "start" if after is None else None, None)
        step = after or 0
        with self._stoppable():
            for epoch in range(step // self.each, -(-self.steps // self.each)):
                step = self._epoch(epoch, step)
                self._evaluate(self.assembly.encoder, step, "end" if step >= self.steps else "epoch", before)
        self.missing.check(self.seen, end=True)
        self.missing.write()
        if self.written:
            if self.missing.count:
                self.written.write("missing", count=self.missing.count, seen=self.seen)
            self._choose(before, step)
        self.place.wait()

    def _epoch(self, epoch: int, step: int) -> int:
        training_mode(self.model)
        for batch in batches(self.assembly, self.config, self.place, epoch, step - epoch * self.each):
            if step >= self.steps:
                break
            began = time.perf_counter()
            losses = self._step(batch, step)
            step += 1
            if step % self.config.log_every == 0 or step == self.steps or step == 1:
                self._log(step, epoch, losses, time.perf_counter() - began)
            stopping, missing = self.place.anywhere(self.stop, bool(batch.missed))  # all stop after the same step
            self._count(batch, missing)
            if stopping or step % self.config.save_every == 0 or step % self.each == 0:
                self._save(step)
            if stopping:
                raise Stopped(f"stopped after step {step}; go on with --resume")
        return step

    def _step(self, batch: Batch, step: int) -> dict[str, float]:
        config = self.config
        rate = config.optim.lr * share(step, self.steps, config.optim.warmup)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        self.optimizer.zero_grad(set_to_none=True)
        chunk = config.optim.chunk
        start = self.assembly.beginning if config.losses.retention else None
        scale: nn.Parameter = self.model.logit_scale  # type: ignore[assignment]
        losses = backward(
            self.assembly.encoder, self.assembly.objective, batch.to(self.place.device), scale, chunk, start
        )
        total = sum(losses.values())
        if not math.isfinite(total):
            raise FinetuneError(self._not_finite(losses, self.place.every(batch.ids), step))
        if step == 0:
            check_gradients(self.whole)
        trained = [p for p in self.whole.parameters() if p.grad is not None]
        losses["gradient"] = float(nn.utils.clip_grad_norm_(trained, config.optim.clip))
        self.optimizer.step()
        if scale.requires_grad:
            with torch.no_grad():
                scale.clamp_(0, LARGEST_SCALE)
        return losses

    def _not_finite(self, losses: dict[str, float], shares: list[list[str | int]], step: int) -> str:
        ids = list(chain(*shares))
        parts = ", ".join(f"{name} {value}" for name, value in losses.items())
        if self.written:
            self.written.write("stopped", reason=f"a loss is not finite at step {step + 1}", ids=ids)
        return (
            f"a loss is not finite at step {step + 1} ({parts}); the batch holds the records "
            f"{', '.join(map(str, ids))}. Lower optim.lr, or look at these records"
        )

    def _count(self, batch: Batch, missing: bool) -> None:
        """Photographs that any process missed, in the batch's order."""
        self.seen += self.config.optim.batch
        for one in chain(*self.place.every(batch.missed)) if missing else ():
            self.missing.add(one.id, one.error)
        self.missing.check(self.seen)

    def _log(self, step: int, epoch: int, losses: dict[str, float], seconds: float) -> None:
        gradient = losses.pop("gradient")
        total, rate = sum(losses.values()), self.optimizer.param_groups[0]["lr"]
        scale = float(self.model.logit_scale.detach().exp())  # type: ignore[operator]
        parts = "  ".join(f"{name} {value:.3f}" for name, value in losses.items())
        self.say(f"step {step:>5}/{self.steps}  loss {total:.3f}  {parts}  lr {rate:.2g}  {seconds:.2f} s")
        if self.written:
            found = {"loss": total, "losses": losses, "lr": rate, "gradient": gradient, "seconds": seconds}
            self.written.write("step", step=step, epoch=epoch, logit_scale=scale, **found)

    def _evaluate(self, encoder: Any, step: int, when: str | None, before: Result | None) -> Result | None:
        """On the first process alone; the others wait."""
        result = self.assembly.validation.run(encoder, before) if self.place.rank == 0 else None
        if result and when:
            self.say(result.line(f"{when} (step {step})"))
            if self.written:
                self.written.write("evaluation", step=step, when=when, alpha=None, **result.scores)
        self.place.wait()
        return result

    def _save(self, step: int) -> None:
        if self.place.rank == 0:
            save_checkpoint(self.folder, step, self.whole, self.optimizer, self.settings)
        self.place.wait()

    def _choose(self, before: Result | None, step: int) -> None:
        """Weights between the starting and the tuned ones: the best on the negatives that keeps retrieval."""
        assert before is not None
        assert self.written is not None
        merge(self.model)
        start, tuned = self.assembly.start.state_dict(), {n: t.clone() for n, t in self.whole.state_dict().items()}
        results: dict[float, Result] = {}
        for alpha in self.config.evaluation.alphas:
            self.whole.load_state_dict(interpolate(start, tuned, alpha))
            results[alpha] = self.assembly.validation.run(self.assembly.encoder, before)
            self.say(results[alpha].line(f"alpha {alpha:g}"))
            self.written.write("evaluation", step=step, when="alpha", alpha=alpha, **results[alpha].scores)
        floor = before.recall - self.config.evaluation.cost
        keeping = [alpha for alpha in results if results[alpha].recall >= floor]
        best = max(keeping or [min(results)], key=lambda alpha: (results[alpha].accuracy, alpha))
        why = f"best accuracy on negatives among those whose retrieval is at least {floor:.3f}"
        if not keeping:
            why = f"the smallest, since retrieval falls below {floor:.3f} at all of them"
        self.written.write("chosen", alpha=best, why=why)
        self.say(f"chosen: alpha {best:g}, {why}")
        self.written.write("cases", cases=hardest(before, results[best], self.config.evaluation.cases))
        self.whole.load_state_dict(interpolate(start, tuned, best))
        config = {
            "alpha": best,
            "scores": results[best].scores,
            "settings": self.config.model_dump(),
            **self.assembly.plan,
        }
        save(self.folder, self.assembly.loaded, config)
        (self.folder / CHECKPOINT).unlink(missing_ok=True)

    @contextmanager
    def _stoppable(self) -> Iterator[None]:
        if threading.current_thread() is not threading.main_thread():
            yield
            return

        def asked(*_: object) -> None:
            self.stop = True

        old = signal.signal(signal.SIGTERM, asked)
        try:
            yield
        finally:
            signal.signal(signal.SIGTERM, old)


def _folder(config: Config, resume: bool) -> Path:
    folder = Path(config.out)
    there = {path.name for path in folder.iterdir()} - {"cache"} if folder.is_dir() else set()
    if there and not resume:
        raise FinetuneError(f"{folder} is not empty; go on with --resume, or name another folder as out")
    folder.mkdir(parents=True, exist_ok=True)
    with whole(folder / EVENT_CONFIG) as file:
        json.dump({"settings": config.model_dump()}, file, indent=2)
    return folder


def _finish(folder: Path) -> None:
    from clip_event.tuning.card import card
    from clip_event.tuning.report import report

    report(folder)
    card(folder)


def _progress(say: Say) -> Callable[[str, int], None]:
    last = [time.monotonic()]

    def told(what: str, done: int) -> None:
        if time.monotonic() - last[0] > 5:
            say(f"{what}: {done:,} records")
            last[0] = time.monotonic()

    return told


def _quiet(line: str) -> None:
    """What processes but the first say."""
