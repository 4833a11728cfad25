"""The model card of a tuned folder, its `README.md`.

Names, paths and reasons come from a user's files. The template engine passes every value through `plain`, so that none
of them is read as Markdown or HTML.
"""

import re
from pathlib import Path
from typing import Any

from huggingface_hub import ModelCardData

from clip_event.sealed import engine
from clip_event.towers.files import PROMPT
from clip_event.tuning.history import Run, leaves, read_run, said
from clip_event.tuning.report import figures, percent, signed, title
from templates.whole import whole

TAGS = ["clip", "open_clip", "event-extraction", "semantic-roles", "news"]
MARKUP = re.compile(r"[\\`*_\[\]<>|~&$#]|:(?=//)|(?<=www)\.")
ABSOLUTE = re.compile(r"((local-dir|file):)?([/\\~]|[A-Za-z]:[/\\])")
HUB = re.compile(r"hf-hub:([\w.-]+/[\w.-]+)")


def card(folder: Path) -> Path:
    """Write `README.md` of the folder of a tuning run over what is there; it appears whole or not at all.

    Raises:
        HistoryError: the folder holds no `metrics.jsonl`, or no line of it can be read.
    """
    folder = Path(folder)
    text = render_card(read_run(folder), folder)
    with whole(folder / "README.md") as out:
        out.write(text)
    return folder / "README.md"


def render_card(run: Run, folder: Path) -> str:
    """The card as Markdown with its front matter."""
    environment = engine(autoescape=False, finalize=plain, keep_trailing_newline=True)
    environment.filters |= {"percent": percent, "signed": signed, "said": said}
    body = environment.get_template("tuning/card.md").render(
        title=title(folder),
        run=run,
        base=published(run.plan.get("base", "not recorded")),
        figures=list(figures(run)),
        kinds=run.after.kinds if run.after else {},
        data=leaves({"data": published(run.plan["data"])}) if run.plan.get("data") else [],
        recipe=leaves(published(run.settings)),
        prompt=PROMPT if (folder / PROMPT).is_file() else None,
        plan=leaves({key: published(value) for key, value in run.plan.items() if key not in ("base", "data")}),
    )
    return f"---\n{front_matter(run.plan.get('base'))}\n---\n\n{body}"


def front_matter(base: Any) -> str:
    """What the Hugging Face hub reads. The tuned weights inherit the licence of the base, which is not known here."""
    hub = HUB.fullmatch(base) if isinstance(base, str) else None
    data = ModelCardData(
        license="other",
        license_name="that-of-the-base-model",
        library_name="open_clip",
        pipeline_tag="zero-shot-image-classification",
        base_model=hub[1] if hub else None,
        tags=TAGS,
    )
    return str(data.to_yaml())


def published(value: Any) -> Any:
    """A value with the last part only of its absolute paths: cards are published, home folders are not."""
    if isinstance(value, dict):
        return {key: published(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [published(inner) for inner in value]
    return re.split(r"[/\\]", value.rstrip("/\\"))[-1] if isinstance(value, str) and ABSOLUTE.match(value) else value


def plain(value: Any) -> str:
    """A value as Markdown that shows it to the letter, on one line and after some other text of that line."""
    return MARKUP.sub(lambda found: "\\" + found[0], " ".join(str(value).split()))
