"""What the scenes show, decided before anything is drawn or said.

Roles can only be told by looking, and this is so by construction:

- Scenes 2k and 2k + 1 are twins: the same event, place, instrument and words with the two actors exchanged. The false
  sentence of one is the true one of the other, so a judge that does not look is right half of the time.
- For every type the kinds of actors meet in the rounds of a tournament, in each of which everybody plays once. Whole
  rounds belong to a split, so every kind takes part equally often in every type and split, and an agent, an event and a
  patient that stand together in one split never do so in another. Which rounds is the same for all seeds.
"""

from dataclasses import dataclass
from functools import cache, lru_cache
from itertools import chain
from random import Random
from typing import TypeVar

from clip_event.scenes.actors import KINDS
from clip_event.scenes.acts import ACTS
from clip_event.scenes.places import PLACES

T = TypeVar("T")

SPLITS: dict[str, range] = {"train": range(11), "dev": range(11, 13), "test": range(13, 15)}
"""Split to the rounds of the tournament that it holds."""
SEVERAL = 0.4
"""Share of scenes with two agents and two patients, for types that may have them."""


@dataclass(frozen=True)
class Scene:
    """One scene as planned.

    Attributes:
        index, split, seed: together they give everything else.
        type: event type of the news ontology.
        agent, patient: kinds of actors.
        number: of agents, and of patients.
        instrument: what is used, None where the type has none or it is left out.
        thing: what is handed over or what somebody is rescued from.
        place: where it happens.
    """

    index: int
    split: str
    seed: int
    type: str
    agent: str
    patient: str
    number: int
    instrument: str | None
    thing: str | None
    place: str

    def chance(self, what: str) -> Random:
        """A source of chance for the scene's `picture`, its `light`, or its `words`, which it shares with its twin."""
        name = self.index // 2 if what == "words" else self.index
        return Random(f"{self.seed}|{self.split}|{name}|{what}")


def plan(index: int, *, seed: int = 0, split: str = "train", instruments: float = 0.8) -> Scene:
    """The scene with this index, whatever the others are.

    Args:
        instruments: share of scenes that show an instrument, among those of types that have one.
    """
    twins, second = divmod(index, 2)
    round_, place_in_round = divmod(twins, len(ACTS))
    type_ = _shuffled(tuple(ACTS), f"{seed}|{split}|{round_}")[place_in_round]
    pairs = _shuffled(_pairs(type_, split), f"{seed}|{split}|{type_}")
    pair = pairs[round_ % len(pairs)]
    r = Random(f"{seed}|{split}|{twins}|plan")
    agent, patient = pair if r.random() < 0.5 else pair[::-1]
    if second:
        agent, patient = patient, agent
    act = ACTS[type_]
    place, thing = r.choice(tuple(PLACES)), r.choice(act.things) if act.things else None
    number = 2 if act.several and r.random() < SEVERAL else 1
    instrument = r.choice(act.instruments) if act.instruments else None
    shown = r.random() < instruments
    return Scene(index, split, seed, type_, agent, patient, number, instrument if shown else None, thing, place)


@cache
def _pairs(type_: str, split: str) -> tuple[tuple[str, str], ...]:
    """The pairs of kinds that a type shows in a split."""
    kinds = _shuffled(tuple(KINDS), type_)
    return tuple(chain.from_iterable(tournament(kinds)[number] for number in SPLITS[split]))


def tournament(players: tuple[str, ...]) -> list[list[tuple[str, str]]]:
    """All pairs of an even number of players in rounds, everybody once a round (the circle method)."""
    *circle, last = players
    many = len(circle)
    return [
        [(last, circle[turn])]
        + [(circle[(turn + step) % many], circle[(turn - step) % many]) for step in range(1, many // 2 + 1)]
        for turn in range(many)
    ]


@lru_cache(maxsize=4096)
def _shuffled(items: tuple[T, ...], seed: str) -> tuple[T, ...]:
    return tuple(Random(seed).sample(items, len(items)))
