"""Pages that run nothing and load nothing, whatever the captions in them say."""

import base64
import hashlib
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup


def engine(**options: Any) -> Environment:
    """The template engine over the templates of this package; a name that a template lacks is an error."""
    return Environment(loader=PackageLoader("clip_event", "."), undefined=StrictUndefined, trim_blocks=True, **options)


def sealed(environment: Environment, sheet: str, pictures: bool = False) -> dict[str, str]:
    """The page's `style`, and the content `policy` that lets a browser use it and nothing else.

    Args:
        sheet: name of the style sheet.
        pictures: whether pictures that are inside the page may be shown.
    """
    style = environment.get_template(sheet).render()
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    images = "img-src data:; " if pictures else ""
    policy = f"default-src 'none'; {images}style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    return {"style": Markup(style), "policy": policy}
