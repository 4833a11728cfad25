"""How many tokens CLIP makes of a text."""

from collections.abc import Callable
from functools import cache, lru_cache


@cache
def _pieces() -> tuple[Callable[[str], str], Callable[[str], int]]:
    """CLIP's cleaning, and the number of pieces of a stretch without spaces (remembered), as none spans a space."""
    from extraction._torchvision import declare_missing_operators

    declare_missing_operators()
    from open_clip.tokenizer import SimpleTokenizer, get_clean_fn

    tokenizer = SimpleTokenizer()
    cut = tokenizer.pat.findall

    @lru_cache(maxsize=65536)
    def pieces(stretch: str) -> int:
        encoded = ("".join(tokenizer.byte_encoder[byte] for byte in word.encode()) for word in cut(stretch))
        return sum(len(tokenizer.bpe(word).split(" ")) for word in encoded)

    return get_clean_fn("lower"), pieces


def count(text: str) -> int:
    """CLIP tokens of a text, with start and end token; 77 is the most that CLIP reads (Radford et al., 2021)."""
    clean, pieces = _pieces()
    plain = text.isascii() and text.isprintable() and "&" not in text  # nothing to mend: neither bytes nor entities
    return 2 + sum(map(pieces, (text.lower() if plain else clean(text)).split(" ")))
