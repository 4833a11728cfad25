"""What is asked of a photograph in words: prompts for each event type, and for photographs that show none.

Several prompts a type, as Radford et al. (2021, section 3.1.4) ensemble theirs: the type's gerund, its noun, and its
sentences about anyone and anything, each in a few forms that captions of photographs have.
"""

import re
from collections.abc import Sequence

from templates.describe import describe
from templates.ontology import ENTITY_KINDS, EventTemplate, Ontology
from templates.sentences import slots_of
from templates.statement import open_template
from templates.supposed import supposed
from templates.told import noun

VERSION = 2  # another one makes stored embeddings old; raise it when a prompt changes
GROUP = re.compile(r"\[[^\[\]]*\]")

FORMS = {
    "gerund": ("a photo of {}.", "a photo of people {}.", "a news photo of {}.", "a photograph of someone {}."),
    "noun": ("a photo of {}.", "a news photo of {}."),
    "sentence": ("{}", "A photo: {}"),
}
"""Style to the forms that a saying of that style is put in."""

BACKGROUND = (
    "a photo.",
    "a landscape.",
    "a photo of mountains and sky.",
    "a photo of an empty street.",
    "a photo of a building.",
    "an empty room.",
    "a portrait of a person.",
    "a person posing for the camera.",
    "a photo of an animal.",
    "a photo of a dog running on grass.",
    "a child playing.",
    "a photo of food on a plate.",
    "a product on a white background.",
    "a parked car.",
    "a page of text.",
    "a map or a chart.",
    "a logo.",
    "a blurred picture.",
    "a pattern.",
)
"""Everyday photographs, and what is no photograph of an event."""

TYPICAL = {
    "person": "a person",
    "organization": "an organization",
    "place": "a place",
    "object": "an object",
    "vehicle": "a vehicle",
    "weapon": "a weapon",
    "animal": "an animal",
    "substance": "a substance",
    "event": "an event",
    "time": "a day",
    "abstract": "something",
}
"""Kind of entity to a filler that says no more than the kind."""

OF_LABEL = {"Agent": "person", "Recipient": "person", "Place": "place"}
"""Who mostly fills a role that may be filled by any kind."""


def prompts(types: Ontology | Sequence[str], styles: Sequence[str] = tuple(FORMS)) -> dict[str, tuple[str, ...]]:
    """Prompts of each type, in the order given.

    Args:
        types: an ontology, or lemmas, each of which is a type of the open one.
        styles: of `gerund`, `noun` and `sentence`.

    Raises:
        ValueError: an unknown style, no style at all, or a lemma that stands twice.
    """
    if not styles or (strange := [style for style in styles if style not in FORMS]):
        found = repr(strange[0]) if styles else "none"
        raise ValueError(f"styles: found {found}, expected some of {', '.join(FORMS)}")
    if isinstance(types, Ontology):
        return {name: _prompts(template, types, styles) for name, template in types.events.items()}
    if doubled := sorted({lemma for lemma in types if list(types).count(lemma) > 1}):
        raise ValueError(f"types: {doubled[0]!r} stands twice, expected every lemma once")
    return {lemma: _prompts(open_template(lemma), None, styles) for lemma in types}


def _prompts(template: EventTemplate, ontology: Ontology | None, styles: Sequence[str]) -> tuple[str, ...]:
    said = {
        "gerund": [template.gerund],
        "noun": [words for words in [noun(template.sentences[-1])] if words],
        "sentence": _sentences(template, ontology) if "sentence" in styles else [],
    }
    made = (form.format(words) for style in styles for words in said[style] for form in FORMS[style])
    # a type without a noun, asked for by its noun alone, is still asked for
    return tuple(dict.fromkeys(made)) or tuple(form.format(template.gerund) for form in FORMS["gerund"])


def _sentences(template: EventTemplate, ontology: Ontology | None) -> list[str]:
    """The type's sentences, without what may be left out of them, about anyone and anything."""
    made = []
    for sentence in template.sentences:
        needed = dict.fromkeys(slots_of(GROUP.sub("", sentence)))
        kinds = [_kind(name, template) for name in needed]
        words = ["people" if template.mutual and kind == "person" else TYPICAL[kind] for kind in kinds]
        statement = supposed(template.name, list(zip(needed, words, strict=True)), ontology, kinds)
        if needed and (said := describe(statement, "sentence")):
            made.append(said.text)
    return made


def _kind(name: str, template: EventTemplate) -> str:
    role = template.roles[name]
    if 0 < len(role.kinds) < len(ENTITY_KINDS):
        return role.kinds[0]
    # the open ontology and imSitu say nothing of kinds
    return next((kind for label, kind in OF_LABEL.items() if label in (name, *role.labels)), "abstract")
