"""What a training step costs that knows events, against a plain one, and against the scheme of 2022.

    python -m benchmarks.step [--model ViT-B-32] [--batch 32] [--small 4] [--parts step ...] [--profile]

Random weights of the model's shape, photographs of noise, texts of drawn scenes, which are
shorter than a newspaper's (`--events` takes others): time does not hang on what is learnt.
Our step is the trainer's with the losses of the preset `event` (contrastive, hard, retention), and one description of
an event with 4 hard negatives of it for each image. The plain step is open_clip's: its ClipLoss over one caption an
image at 77 tokens. Both are whole steps, from zeroed gradients to AdamW; ours also clips the gradient, as the trainer
does.

The scheme of 2022 is re-stated from the paper's description: three texts an image at 77 tokens, crops encoded by the
image tower once more, one transport problem after the other. Its graph nodes are the three texts, which flatters it: a
row tells what it costs where four nodes a graph are encoded as texts of their own.

On a CPU it runs on one core and counts the process's own seconds, which other programs on the machine disturb least.
The first row is measured at `--batch`, the others at `--small` or near it, since they are many.
"""

import argparse
from collections.abc import Callable
from copy import deepcopy
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

import ot
import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.side_by_side import Row, alternately, cpu_ratio, keep, ratio, show
from clip_event.data.batches import Batch, Collate, Describer, Example, Stated
from clip_event.data.sources import Item
from clip_event.scenes import plan
from clip_event.scenes.make import record_of
from clip_event.towers._open_clip import open_clip
from clip_event.towers.models import Loaded, load
from clip_event.towers.texts import pad_id
from clip_event.tuning.config import Config, parse_config
from clip_event.tuning.objective import Features, Objective
from clip_event.tuning.optimizer import optimizer
from clip_event.tuning.steps import Encoder, backward
from templates.confusable import Confusable
from templates.corpus import Corpus
from templates.events import CaptionEvents, read_events
from templates.ontology import load_ontology
from templates.pairs import Wanted
from templates.statement import statement

KINDS = ["event", "role", "filler"]
NEGATIVES = {"event": 2, "role": 1, "filler": 1}
"""Four of each event, of which two of the event: two exchanges of roles, as in the preset, need a third role filled."""
TEXTS_2022, NODES_2022 = 3, 4
SEARCHED = 10
"""Records that are looked through for each image, as not all of them have all negatives."""
CROPS = (5, 10)
PARTS = ("step", "step-losses", "step-2022")
ALIGNED = {"alignment": 0.25}
Step = Callable[[], object]


def records(count: int, events: Path | None) -> list[CaptionEvents]:
    """Captions with a salient event: of a file of events, or of drawn scenes, without drawing any."""
    if events is None:
        return [CaptionEvents.model_validate(record_of(plan(number, split="train"))) for number in range(count)]
    found = list(islice((record for record in read_events(events) if record.shown()), count))
    if len(found) < count:
        raise SystemExit(f"{events}: {len(found)} records with an event that the photograph shows; {count} are needed")
    return found


def batch_of(loaded: Loaded, size: int, styles: tuple[str, ...], graphs: bool, events: Path | None = None) -> Batch:
    """A batch as the trainer's workers make it, each event said in every one of the styles."""
    ontology, told = load_ontology(), records(SEARCHED * size, events)
    corpus = Corpus(statement(record, event, ontology) for record in told for event in record.events)
    describer = Describer(Confusable(ontology, corpus), Wanted(styles, NEGATIVES, True), len(styles), graphs)
    noise = torch.Generator().manual_seed(0)
    side: Any = loaded.model.visual.image_size  # type: ignore[union-attr]
    pixels = torch.randn(size, 3, *(side if isinstance(side, tuple) else (side, side)), generator=noise)
    collate = Collate(loaded.tokenizer, KINDS, tuple(pixels.shape[1:]))
    # an event with fewer negatives is left out, or the step would have less to do than is asked of it
    full = Describer(describer.confusable, Wanted(("sentence",), NEGATIVES, True), 1, False)
    items = (Item(number, number, record, b"", "") for number, record in enumerate(told))
    chosen = list(islice((item for item in items if _negatives(full(item, 0)) == sum(NEGATIVES.values())), size))
    if len(chosen) < size:
        raise SystemExit(f"{len(chosen)} events of {len(told)} have all negatives; {size} are needed")
    return collate([Example(item.id, pixels[row], describer(item, 0)) for row, item in enumerate(chosen)])


def _negatives(stated: list[Stated]) -> int:
    return sum(len(negatives) for one in stated for _, negatives in one.texts)


class Ways:
    """The steps to compare. Ours share a model and its optimizer, and so do those of open_clip's kind."""

    def __init__(self, name: str, device: torch.device, events: Path | None = None) -> None:
        self.loaded, self.device, self.events = load(name, device, random=0), device, events
        self.knowing, self.unknowing = self._trained(), self._trained(plain=True)
        self.start = self.loaded.model.eval().requires_grad_(False)
        self.pad, self.bf16 = pad_id(self.loaded.tokenizer), device.type == "cuda"

    def ours(self, size: int, *styles: str, chunk: int | None = None, **losses: float) -> Step:
        """The trainer's step, by default with one sentence; losses on top of those of the preset."""
        config = self.config(losses)
        objective = Objective(config.losses, KINDS)
        batch = batch_of(self.loaded, size, styles or ("sentence",), objective.needs_graphs, self.events).to(
            self.device
        )
        model, adamw = self.knowing
        encoder = self._encoder(model, objective.needs_patches)
        start = self._encoder(self.start, False) if config.losses.retention else None

        def step() -> None:
            adamw.zero_grad()
            backward(encoder, objective, batch, model.logit_scale, chunk, start)
            nn.utils.clip_grad_norm_(list(model.parameters()), config.optim.clip)
            adamw.step()

        return step

    def plain(self, size: int) -> Step:
        """open_clip's step."""
        model, adamw = self.unknowing
        batch, loss = self._captions(size, 1), open_clip.ClipLoss()

        def step() -> None:
            adamw.zero_grad()
            with torch.autocast(self.device.type, torch.bfloat16, enabled=self.bf16):
                total = loss(*model(batch.images, batch.tokens))
            total.backward()
            adamw.step()

        return step

    def of_2022(self, size: int, crops: int = 0, nodes: bool = False) -> Step:
        """The scheme of 2022; with `nodes`, graph nodes are encoded as texts of their own."""
        model, adamw = self.unknowing
        batch, graphs = self._captions(size, TEXTS_2022), self._captions(size, NODES_2022)

        def step() -> None:
            adamw.zero_grad()
            with torch.autocast(self.device.type, torch.bfloat16, enabled=self.bf16):
                image, text, scale = model(batch.images, batch.tokens)
                wanted = torch.arange(0, TEXTS_2022 * size, TEXTS_2022, device=self.device)
                total = nn.functional.cross_entropy(scale * image @ text.T, wanted)
                said = model.encode_text(graphs.tokens, normalize=True) if nodes else text
                parts = image[:, None]
                if crops:
                    seen = model.encode_image(batch.images.repeat_interleave(crops, 0), normalize=True)
                    parts = torch.cat([parts, seen.unflatten(0, (size, crops))], 1)
            for event, photograph in zip(said.unflatten(0, (size, -1)), parts, strict=True):
                total = total + 0.01 * _alone(event.float(), photograph.float())
            total.backward()
            adamw.step()

        return step

    def alignment(self, size: int) -> Step:
        """The alignment loss by itself, there and back, as in a step."""
        objective = Objective(self.config(ALIGNED).losses, KINDS)
        batch = batch_of(self.loaded, size, ("sentence",), True, self.events).to(self.device)
        with torch.no_grad():
            seen = self._encoder(self.start, True).batch(batch)
        tensors = [one.float().requires_grad_() for one in (seen.image, seen.patches, seen.text) if one is not None]

        def loss() -> None:
            objective._alignment(Features(tensors[0], tensors[1], tensors[2]), batch)[0].backward()

        return loss

    def config(self, losses: dict[str, float]) -> Config:
        return parse_config({"out": "", "data": {"train": ""}, "losses": losses})

    def _trained(self, plain: bool = False) -> tuple[Any, torch.optim.Optimizer]:
        """A model with our optimizer, or with AdamW as open_clip's training program makes it: the same, not fused."""
        model, optim = deepcopy(self.loaded.model).train(), self.config({}).optim
        adamw = optimizer(model, optim)
        if plain:
            groups = [{key: group[key] for key in ("params", "weight_decay")} for group in adamw.param_groups]
            adamw = torch.optim.AdamW(groups, lr=optim.lr, betas=optim.betas)
        return model, adamw

    def _encoder(self, model: nn.Module, patches: bool) -> Encoder:
        return Encoder(model, self.pad, self.loaded.full_length is None, patches, self.bf16)

    def _captions(self, size: int, texts: int) -> Batch:
        batch = batch_of(self.loaded, size, ("caption",), False, self.events)
        said = [record.caption for record in records(texts * size, self.events)]
        return replace(batch, tokens=self.loaded.tokenizer(said)).to(self.device)


def _alone(nodes: Tensor, parts: Tensor) -> Tensor:
    """The transport distance of one graph and one image."""
    cost = 1 - nodes @ parts.T
    masses = (torch.full((len(side),), 1 / len(side), device=cost.device) for side in (nodes, parts))
    distance: Tensor = ot.sinkhorn2(*masses, cost, reg=0.05, numItermax=50)
    return distance


def compared(ways: Ways) -> Callable[..., Row]:
    """On a CPU by the process's own seconds, on a GPU by the clock."""
    return ratio if ways.bf16 else cpu_ratio


def step_row(ways: Ways, size: int, repeats: int) -> Row:
    steps = {"plain": ways.plain(size), "ours": ways.ours(size)}
    work = {name: _flops(step) for name, step in steps.items()}
    times = alternately(steps, repeats, warm=True)
    note = f"batch {size}; {work['ours'] / work['plain']:.2f} x the arithmetic"
    if ways.bf16:
        rates = {name: size / min(spent.clock for spent in many) for name, many in times.items()}
        note += f"; {rates['ours']:.0f} images/s, plain {rates['plain']:.0f}"
    return compared(ways)("step", times["ours"], times["plain"], "<= 1.15" if ways.bf16 else "<= 1.25", note)


def style_rows(ways: Ways, size: int, repeats: int) -> list[Row]:
    """What styles and losses cost, each against the plain step; and shares of the step."""
    steps = {
        "plain": ways.plain(size),
        "sentence": ways.ours(size),
        "short": ways.ours(size, "short"),
        "sentence and caption (the preset)": ways.ours(size, "sentence", "caption"),
        "sentence, no retention": ways.ours(size, retention=0.0),
        "sentence, alignment too": ways.ours(size, **ALIGNED),
        "the alignment loss alone": ways.alignment(size),
    }
    times = alternately(steps, repeats)
    ratios = compared(ways)
    plain, loss = times.pop("plain"), times.pop("the alignment loss alone")
    without, whole = times["sentence, no retention"], times["sentence"]
    retained = [a - b for a, b in zip(whole, without, strict=True)]
    return [
        *(ratios(f"step: {name}", spent, plain, note=f"batch {size}") for name, spent in times.items()),
        ratios("retention, share of the step", retained, whole, note=f"batch {size}"),
        ratios("transport, share of the step", loss, times["sentence, alignment too"], "<= 0.05", f"batch {size}"),
    ]


def rows_2022(ways: Ways, size: int, small: int, repeats: int) -> list[Row]:
    """The scheme without crops at `size`, and what costs much more at `small`."""
    ratios = compared(ways)
    whole = {"0 crops": ways.of_2022(size)}
    cropped = {f"{crops} crops": ways.of_2022(small, crops) for crops in CROPS}
    cropped["0 crops, nodes encoded"] = ways.of_2022(small, nodes=True)
    rows = []
    for many, steps in ((size, whole), (small, cropped)):
        every = {"ours": ways.ours(many), **steps}
        work = {name: _flops(step) for name, step in every.items()}
        times = alternately(every, repeats, warm=True)
        for name in steps:
            target = ">= 1.5" * (name == "0 crops")
            note = f"2022 / ours, batch {many}; {work[name] / work['ours']:.2f} x the arithmetic"
            rows.append(ratios(f"step-2022: {name}", times[name], times["ours"], target, note))
    return rows


def _flops(step: Step) -> int:
    with FlopCounterMode(display=False) as counter:
        step()
    return int(counter.get_total_flops())


def profile(ways: Ways, size: int) -> None:
    """Where a step's time goes, by operator."""
    for name, step in {"plain": ways.plain(size), "ours": ways.ours(size)}.items():
        step()
        with torch.profiler.profile() as found:
            step()
        print(name)
        print(found.key_averages().table(sort_by="self_cpu_time_total", row_limit=16, max_name_column_width=48))


def main(arguments: list[str] | None = None) -> list[Row]:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="ViT-B-32")
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--small", type=int, default=4)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--events", type=Path, help="file of events to say, in place of those of drawn scenes")
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS)
    parser.add_argument("--profile", action="store_true", help="print where the time goes, and measure nothing")
    given = parser.parse_args(arguments)
    if given.device == "cpu":
        torch.set_num_threads(1)
    ways = Ways(given.model, torch.device(given.device), given.events)
    if given.profile:
        profile(ways, given.small)
        return []
    parts = {
        "step": lambda: [step_row(ways, given.batch, given.repeats)],
        "step-losses": lambda: style_rows(ways, given.small, given.repeats),
        "step-2022": lambda: rows_2022(ways, 2 * given.small, max(2, given.small // 2), given.repeats),
    }
    rows = []
    for name in given.parts:
        found = parts[name]()
        show(found)
        keep("-".join([name, given.model, given.device, *([given.events.stem] if given.events else [])]), found)
        rows += found
    return rows


if __name__ == "__main__":
    main()
