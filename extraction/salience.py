"""Which event the photograph shows.

A news caption says first, and in the present tense, what the picture shows; background comes after "after", in a second
sentence or in the past. The event with the highest sum of these signs is salient.
Where a model has looked at the photograph, how well it thinks that each event fits is one sign more.
"""

from collections.abc import Callable, Container, Mapping, Sequence
from typing import Any

from extraction.captions import SENTENCE_END

BACKGROUND = {
    "after",
    "since",
    "following",
    "before",
    "during",
    "over",
    "because",
    "when",
    "where",
    "who",
    "which",
    "that",
    "amid",
}
SHOWN = {"VBZ": 1.0, "VBP": 1.0, "VBG": 0.8, "VB": 0.9, "VBN": 0.3, "VBD": -0.2, "described": 0.2}
UNSEEN = 0.5
"""What a type counts less whose template says `visible = false`: photographs rarely show it as it happens."""
LOOK_BACK = 4
SEEN = 2.0
"""What a model's certainty counts that the photograph shows an event: more than any one sign of the caption."""

Agreement = Callable[[Mapping[str, Any], Sequence[Mapping[str, Any]]], Sequence[float]]
"""A record with its photograph and its events, to the probability that the photograph shows each."""


def salient(
    words: Sequence[str],
    tags: Sequence[str],
    events: Sequence[dict[str, Any]],
    first: Sequence[int],
    hidden: Container[str] = (),
    agreement: Sequence[float] | None = None,
) -> str | None:
    """Id of the salient event, None where there is no event.

    Args:
        words, tags: the caption's words and their Penn tags.
        events: its events.
        first: index of each event's trigger word.
        hidden: types that photographs rarely show.
        agreement: for each event, the probability that the photograph shows it.

    Raises:
        ValueError: `agreement` has another length than `events`.
    """
    if agreement is not None and len(agreement) != len(events):
        raise ValueError(f"{len(agreement)} agreements for {len(events)} events; expected one for each")
    best: tuple[float, str] | None = None
    for order, (event, word) in enumerate(zip(events, first, strict=True)):
        score = signs(words, tags, word) - UNSEEN * (event["type"] in hidden) + 0.5 * event["score"] - 0.05 * order
        score += 0.1 * min(2, len(event["arguments"]))
        score += SEEN * agreement[order] if agreement is not None else 0.0
        if best is None or score > best[0]:
            best = score, event["id"]
    return best[1] if best else None


def signs(words: Sequence[str], tags: Sequence[str], word: int) -> float:
    """Sum of the signs that the event at `word` is the one in the picture."""
    before = [token.lower() for token in words[:word]]
    score = SHOWN.get(_form(words, tags, word), 0.1)
    score -= 0.8 * any(token in SENTENCE_END for token in before[2:])
    score -= 0.7 * any(token in BACKGROUND for token in before[-LOOK_BACK:])
    score -= 0.3 * any(token in BACKGROUND for token in before[:-LOOK_BACK])
    return score - 0.01 * word


def _form(words: Sequence[str], tags: Sequence[str], word: int) -> str:
    """The trigger's tag, where its neighbours do not say better.

    A "noun" before a determiner is a verb ("vaccinates an elderly woman"), a bare verb after "to" or a modal is a plan,
    and a participle after a noun only describes it ("a protester holding a banner"). A trigger is a verb or a noun,
    whatever other tag it got.
    """
    tag, before, after = tags[word], tags[word - 1] if word else "", tags[word + 1] if word + 1 < len(tags) else ""
    if words[word].endswith("ing") and tag.startswith("VB"):
        tag = "VBG"
    elif tag[:2] not in ("VB", "NN", "JJ"):
        tag = "VBP" if before.startswith("NN") else "NN"
    if tag in ("NN", "NNS") and after in ("DT", "PRP$"):
        return "VBZ"
    if (tag == "VB" and before in ("TO", "MD")) or (tag in ("VBG", "VBN") and before in ("NN", "NNS")):
        return "described"
    return tag
