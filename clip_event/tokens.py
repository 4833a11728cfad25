"""How many tokens CLIP makes of a text."""

from collections.abc import Callable
from functools import cache, lru_cache


@cache
def _pieces() -> tuple[Callable[[str], str], Callable[[str], list[str]], Callable[[str], int]]:
    """CLIP's cleaning, its cut into words, and the number of pieces of one word (remembered)."""
    from extraction._torchvision import declare_missing_operators

    declare_missing_operators()
    from open_clip.tokenizer import SimpleTokenizer, get_clean_fn

    tokenizer = SimpleTokenizer()

    @lru_cache(maxsize=65536)
    def pieces(word: str) -> int:
        encoded = "".join(tokenizer.byte_encoder[byte] for byte in word.encode())
        return len(tokenizer.bpe(encoded).split(" "))

    return get_clean_fn("lower"), tokenizer.pat.findall, pieces


def count(text: str) -> int:
    """CLIP tokens of a text, with start and end token; 77 is the most that CLIP reads (Radford et al., 2021)."""
    clean, words, pieces = _pieces()
    plain = text.isascii() and text.isprintable() and "&" not in text  # nothing to mend: neither bytes nor entities
    return 2 + sum(map(pieces, words(text.lower() if plain else clean(text))))
