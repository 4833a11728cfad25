"""Questions of VCR and VisualCOMET, from the files as their authors publish them."""

import random
import re
from collections import defaultdict
from pathlib import Path

from pydantic import BaseModel, Field, TypeAdapter

from clip_event.evaluation.choice import Choice
from clip_event.evaluation.files import read_json, read_jsonl
from extraction.records import InputError

LEADS = {
    "intent": "Because the person wanted to",
    "before": "Before, the person needed to",
    "after": "After, the person will most likely",
}
CANDIDATES = 50
TAG = re.compile(r"\b\d+\b")
LOOSE = re.compile(r"\s+([.,?!;:]|'\w|n't\b)")

Token = str | list[int]
"""A word, or places in `objects`."""


class _Vcr(BaseModel):
    annot_id: str
    img_fn: str
    objects: list[str]
    question: list[Token]
    answer_choices: list[list[Token]] = Field(min_length=2)
    answer_label: int
    rationale_choices: list[list[Token]] = Field(min_length=2)
    rationale_label: int


class _Comet(BaseModel):
    img_fn: str
    event: str
    place: str = ""
    intent: list[str] = []
    before: list[str] = []
    after: list[str] = []


def read_vcr(path: str | Path) -> list[Choice]:
    """`val.jsonl` of VCR: for each line a question of kind `answer` (Q->A) and one of kind `rationale` (QA->R).

    The two are a group, whose accuracy is Q->AR. A rationale's question holds the right answer. An object is said by
    its class ("person and dog"), as CLIP-Event's `dataset_vcr.py` does; images are relative to `vcr1images`.

    Zellers et al., From Recognition to Cognition: Visual Commonsense Reasoning, CVPR 2019; github.com/rowanz/r2c.

    Raises:
        InputError: a line in another form, such as those of the test file, which has no labels.
    """
    choices = []
    for number, row in read_jsonl(path, TypeAdapter(_Vcr)):
        where = f"{path}:{number}"
        answers = [_said(tokens, row.objects, where) for tokens in row.answer_choices]
        rationales = [_said(tokens, row.objects, where) for tokens in row.rationale_choices]
        for name, label, options in (
            ("answer_label", row.answer_label, answers),
            ("rationale_label", row.rationale_label, rationales),
        ):
            if not 0 <= label < len(options):
                raise InputError(f"{where}: {name}: found {label}, expected 0 to {len(options) - 1}")
        asked = _said(row.question, row.objects, where)
        answered = f"{asked} {answers[row.answer_label]}"
        for kind, question, options, label in (
            ("answer", asked, answers, row.answer_label),
            ("rationale", answered, rationales, row.rationale_label),
        ):
            choices.append(
                Choice(
                    image=row.img_fn, options=options, answer=label, question=question, kind=kind, group=row.annot_id
                )
            )
    return choices


def _said(tokens: list[Token], objects: list[str], where: str) -> str:
    words = []
    for token in tokens:
        if isinstance(token, str):
            words.append(token)
            continue
        if any(not 0 <= place < len(objects) for place in token):
            raise InputError(f"{where}: found object {token}, expected places in objects, 0 to {len(objects) - 1}")
        words.append(" and ".join(objects[place] for place in token))
    return LOOSE.sub(r"\1", " ".join(words))


def read_visualcomet(path: str | Path, *, seed: int = 0, candidates: int = CANDIDATES) -> list[Choice]:
    """`val_annots.json` of VisualCOMET as its authors' retrieval (Acc@50): which of 50 inferences are this event's.

    A question is an event of an image with one of `intent`, `before` and `after`, its kind. Its right options are all
    inferences of that kind; the wrong ones are drawn from those of all other questions, of whatever kind. People's
    numbers are said as "person".

    The authors' own draw is not repeated here, and they leave each option the marker of its own kind, where here all
    follow the lead of the question ("Before, the person needed to"). How the paper on CLIP-Event evaluates on this file
    cannot be known: its repository names an `eval_visualcomet.py` and does not hold it.

    Park et al., VisualCOMET: Reasoning about the Dynamic Context of a Still Image, ECCV 2020;
    github.com/jamespark3922/visual-comet, `scripts/run_rank.py` and `dataloaders/vcg_rank.py`.

    Raises:
        InputError: the file is in another form, or has no inferences, as the test file.
    """
    asked: dict[tuple[str, str, str, str], list[int]] = defaultdict(list)
    pool: list[str] = []
    for row in read_json(path, TypeAdapter(list[_Comet])):
        for kind in LEADS:
            for inference in getattr(row, kind):
                asked[row.img_fn, row.event, row.place, kind].append(len(pool))
                pool.append(_person(inference))
    if not pool:
        raise InputError(f"{path}: no record has intent, before or after; the test file has none")
    rng = random.Random(seed)
    choices = []
    for (image, event, place, kind), right in asked.items():
        own, wanted = set(right), max(1, candidates - len(right))
        # one question has few inferences of its own, so that so many draws leave enough
        drawn = rng.sample(range(len(pool)), min(len(pool), wanted + len(own)))
        wrong = [number for number in drawn if number not in own][:wanted]
        if not wrong:
            raise InputError(f"{path}: {image}: all inferences of the file are of one question; wrong ones are needed")
        choices.append(
            Choice(
                image=image,
                options=[pool[number] for number in (*right, *wrong)],
                answer=list(range(len(right))),
                question=f"{_person(event)} {place}".strip().rstrip(".") + f". {LEADS[kind]}",
                kind=kind,
            )
        )
    return choices


def _person(text: str) -> str:
    return TAG.sub("person", text).strip()
