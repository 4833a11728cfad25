"""The grammar of an event's sentences.

`{Role}` is a slot, `[...]` a group that vanishes unless every slot in it is filled, and `<verb>` a verb that agrees
with the slot before it: "{Agent} <arrest> {Person} [in {Place}]". Sentences are tried in order; the first whose slots
outside groups are all filled is said.
"""

import re
from collections.abc import Container

SLOT = re.compile(r"\{([^{}]*)\}")
VERB = re.compile(r"<([^<>]*)>")


def slots_of(sentence: str) -> list[str]:
    """Role names of the sentence's slots, in order."""
    return SLOT.findall(sentence)


def check_sentence(sentence: str, roles: Container[str]) -> None:
    """Raises ValueError with the sentence and its fault: brackets, an unknown slot, a verb without a subject."""
    depth = 0
    for character in sentence:
        depth += (character == "[") - (character == "]")
        if depth not in (0, 1):
            raise ValueError(f"sentence {sentence!r}: groups [...] must be closed and may not be nested")
    if depth:
        raise ValueError(f"sentence {sentence!r}: a group [ is never closed")
    rest = VERB.sub("", SLOT.sub("", sentence))
    if stray := re.search(r"[{}<>]", rest):
        raise ValueError(f"sentence {sentence!r}: stray {stray[0]!r}; a slot is {{Role}}, a verb is <lemma>")
    for slot in SLOT.findall(sentence):
        if slot not in roles:
            raise ValueError(f"sentence {sentence!r}: {{{slot}}} is not a role of this type")
    for group in re.findall(r"\[([^\[\]]*)\]", sentence):
        if not SLOT.search(group):
            raise ValueError(f"sentence {sentence!r}: the group [{group}] holds no slot, so it could never vanish")
    if not sentence.strip():
        raise ValueError("a sentence is empty")
    if empty := [verb for verb in VERB.findall(sentence) if not verb.isalpha()]:
        raise ValueError(f"sentence {sentence!r}: <{empty[0]}> is not one verb in its base form")
    outside = re.sub(r"\[[^\[\]]*\]", "", sentence)
    first_verb = VERB.search(outside)
    if first_verb and not SLOT.search(outside[: first_verb.start()]):
        raise ValueError(
            f"sentence {sentence!r}: <{first_verb[1]}> has no slot before it, outside groups, to agree with"
        )
