"""Scenes in the words of news captions, with the offsets of trigger and arguments.

The two actors are said in the same ways, each by its plain noun; who does what to whom stands in the grammar alone.
"""

import re
from dataclasses import dataclass, field
from datetime import date
from random import Random
from typing import Any

from clip_event.scenes.acts import ACTS, INSTRUMENTS, THINGS, Noun, wordings
from clip_event.scenes.names import CITIES, FIRST_NAMES, LAST_NAMES, MONTHS, PAPERS, WEEKDAYS
from clip_event.scenes.places import PLACES
from clip_event.scenes.plans import Scene
from templates.ontology import load_ontology

MARKS = re.compile(r"\{([APT])\}|<(.*?)>")
NUMBERS = re.compile(r"\[([^|\]]*)\|([^\]]*)\]")


@dataclass
class Caption:
    """A caption being written.

    Attributes:
        text: what stands so far.
        trigger: the span of the trigger.
        arguments: the spans of the arguments, in the order of the caption.
    """

    text: str = ""
    trigger: dict[str, Any] = field(default_factory=dict)
    arguments: list[dict[str, Any]] = field(default_factory=list)

    def add(self, text: str) -> dict[str, Any]:
        """Append a text and return its span."""
        if not self.text or self.text.endswith(" - "):
            text = text[:1].upper() + text[1:]
        start, self.text = len(self.text), self.text + text
        return {"text": text, "start": start, "end": len(self.text)}

    def argue(self, role: str, text: str, entity: str) -> None:
        """Append an argument: a base noun phrase without its determiner."""
        self.arguments.append({"role": role, **self.add(text), "entity": entity})


def tell(scene: Scene) -> Caption:
    """The caption of a scene; its twin's is the same with the actors exchanged."""
    r, caption = scene.chance("words"), Caption()
    wording, city, day = r.choice(wordings(scene.type)), r.choice(CITIES), _day(r)
    sentence = "[" in wording  # a verb in the present tense, rather than a phrase with a participle or a noun
    opening = r.choices(("", "file", "dateline", "photo"), (70, 12, 12, 6))[0]
    if opening == "file":
        caption.add("FILE - ")
    elif opening == "dateline":
        caption.add(f"{city[0].upper()}, {city[1]} - ")
    elif opening == "photo" and sentence:
        caption.add(f"In this {_written(day)} photo, ")
    _say(caption, scene, NUMBERS.sub(lambda match: match[1 if scene.number == 1 else 2], wording), r)
    mentioned, used = r.random(), r.random()
    if "{T}" not in wording and scene.thing and mentioned < 0.6:
        caption.add(f" {THINGS[scene.thing].preposition} ")
        _thing(caption, scene)
    if scene.instrument and used < 0.7:
        _instrument(caption, scene, INSTRUMENTS[scene.instrument])
    _where(caption, scene, r, None if opening == "dateline" else city)
    _when(caption, r, None if "photo," in caption.text else day)
    if r.random() < 0.15:
        caption.add(f" ({_name(r)}/{r.choice(PAPERS)})")
    return caption


def _say(caption: Caption, scene: Scene, wording: str, r: Random) -> None:
    act, end = ACTS[scene.type], 0
    for mark in MARKS.finditer(wording):
        caption.add(wording[end : mark.start()])
        end = mark.end()
        if mark[2]:
            caption.trigger = caption.add(mark[2])
        elif mark[1] == "T":
            _thing(caption, scene)
        else:
            role, kind = (act.agent, scene.agent) if mark[1] == "A" else (act.patient, scene.patient)
            _actor(caption, role, kind, scene.number, r)
    caption.add(wording[end:])


def _actor(caption: Caption, role: str, kind: str, number: int, r: Random) -> None:
    determiner, named = r.random(), r.random()
    if number > 1:
        caption.add("two " if determiner < 0.4 else "")
        caption.argue(role, f"{kind}s", "person")
        return
    caption.add("the " if determiner < 0.1 else "a ")
    caption.argue(role, kind, "person")
    if named < 0.08:
        caption.add(f" identified as {_name(r)}")


def _thing(caption: Caption, scene: Scene) -> None:
    role, name = ACTS[scene.type].thing, scene.thing or ""
    caption.add("a " if THINGS[name].counted else "")
    caption.argue(role or "", name, THINGS[name].entity)


def _instrument(caption: Caption, scene: Scene, noun: Noun) -> None:
    name = scene.instrument or ""
    caption.add(f" {noun.preposition} " + ("a " if noun.counted and scene.number == 1 else ""))
    caption.argue("Instrument", name + ("s" if noun.counted and scene.number > 1 else ""), noun.entity)


def _where(caption: Caption, scene: Scene, r: Random, city: tuple[str, str] | None) -> None:
    """The kind of place, the city, the country, or none; arguments of types that have a place."""
    placed = "Place" in load_ontology()[scene.type].roles

    def add(before: str, name: str) -> None:
        caption.add(before)
        if placed:
            caption.argue("Place", name, "place")
        else:
            caption.add(name)

    form = r.choice(("kind", "kind", "kind city", "kind city country", "kind city country", "city country", ""))
    if "kind" in form:
        add(f" {PLACES[scene.place].preposition} {r.choice(('a', 'a', 'the'))} ", scene.place)
    if city and "city" in form:
        add(" in ", city[0])
    if city and "country" in form:
        add(", ", city[1])


def _when(caption: Caption, r: Random, day: date | None) -> None:
    forms = {"": 40, " on {weekday}": 25, ", {weekday}, {day}": 20, " on {day}": 15}
    form = r.choices(tuple(forms), tuple(forms.values()))[0]
    if day:
        caption.add(form.format(weekday=WEEKDAYS[day.weekday()], day=_written(day)))
    caption.add(r.choice(("", ".", ".", ".")))


def _day(r: Random) -> date:
    return date.fromordinal(r.randint(date(1998, 1, 1).toordinal(), date(2024, 12, 31).toordinal()))


def _written(day: date) -> str:
    return f"{MONTHS[day.month - 1]} {day.day}, {day.year}"


def _name(r: Random) -> str:
    return f"{r.choice(FIRST_NAMES)} {r.choice(LAST_NAMES)}"
