"""open_clip, imported once torchvision's missing operators are declared; the modules that need it take it from here."""

from extraction._torchvision import declare_missing_operators

declare_missing_operators()

import open_clip  # noqa: E402

__all__ = ["open_clip"]
