"""Captions as words, and long ones in windows."""

from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from spacy.tokenizer import Tokenizer

SENTENCE_END = {".", "!", "?"}


@cache
def _tokenizer() -> "Tokenizer":
    import spacy

    return spacy.blank("en").tokenizer


def words_of(caption: str) -> tuple[list[str], list[int], list[int]]:
    """Words of a caption with their start and end offsets; white space is no word."""
    words, starts, ends = [], [], []
    for token in _tokenizer()(caption):
        text, start = token.text, token.idx
        if not text.isspace():
            words.append(text)
            starts.append(start)
            ends.append(start + len(text))
    return words, starts, ends


def windows(words: list[str], lengths: list[int], longest: int) -> list[tuple[int, int]]:
    """Cut a long text into word ranges of at most `longest` pieces, at a sentence's end where there is one.

    Args:
        lengths: number of pieces of each word.
    """
    ranges, start = [], 0
    while start < len(words):
        total, end, sentence = 0, start, start
        while end < len(words) and (total := total + lengths[end]) <= longest:
            end += 1
            if words[end - 1] in SENTENCE_END:
                sentence = end
        if end < len(words) and sentence > start:
            end = sentence
        end = max(end, start + 1)
        ranges.append((start, end))
        start = end
    return ranges
