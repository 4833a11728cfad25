"""The model card: its figures, its front matter, and that no name of a user's is read as Markdown, HTML or YAML."""

import ast
import json
import re
from pathlib import Path

import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from scipy.stats import binomtest
from test_page import HOSTILE, Page
from test_report import PLAN, RUN, evaluation, hostile, step, table, written
from towers import DIMENSION, TEXT_TOWERS, VISION, wordpiece

from clip_event.tuning.card import card, plain, published
from clip_event.tuning.history import HistoryError

MARKDOWN = {
    **HOSTILE,
    "link": "[here](http://example.org) ![x](http://example.org/x.png) <http://example.org> [a]: /b",
    "table": "a | b\n|---|---|\n| c | d |",
    "heading": "x\n# taken\n\nsetext\n=====",
    "fence": "```\ntaken\n``` ~~~ `code`",
    "marks": "*a* **b** _c_ __d__ ~~e~~ \\*f\\* $g$ #h [^1]",
    "yaml": "x\n---\nlicense: mit\n...\n- a: !!python/object:os.system {}",
}


def split(folder: Path) -> tuple[dict, str]:
    """The front matter and the Markdown of the folder's card."""
    _, front, body = card(folder).read_text(encoding="utf-8").split("---\n", 2)
    return yaml.safe_load(front), body


def html(markdown: str) -> Page:
    return Page(MarkdownIt("commonmark").enable(["table", "strikethrough"]).render(markdown))


def test_the_card_has_the_figures_of_the_weights_that_were_kept(tmp_path):
    _, body = split(written(tmp_path / "run", RUN))
    page = html(body)
    rows = {name: others for name, *others in table(page, "figure")}
    assert rows["role accuracy"] == ["50.0", "80.0", "+30.0"]
    assert rows["text to image R@1"] == ["40.0", "39.0", "−1.0"]
    assert rows["cosine to the starting image embeddings"] == ["100.0", "97.0", "−3.0"]
    low, high = binomtest(40, 50).proportion_ci(method="wilson")
    assert table(page, "kind of negative")[1] == ["role", "50", "80.0", f"{100 * low:.1f} to {100 * high:.1f}"]
    assert ["losses.hard.weight", "0.5"] in table(page, "setting")
    assert ["steps", "4"] in table(page, "plan")
    assert "alpha 0.7" in body
    assert "Best within 1 point." in body
    assert page.texts("h2") == [
        *("Use it", "Gain and cost", "Data", "Recipe", "Intended use", "Misuse and limits", "Licence"),
    ]


def test_the_front_matter_names_a_base_of_the_hub_and_no_licence_of_its_own(tmp_path):
    front, _ = split(written(tmp_path / "a", RUN))
    assert (front["license"], front["library_name"]) == ("other", "open_clip")
    assert "clip" in front["tags"]
    assert "base_model" not in front
    front, _ = split(written(tmp_path / "a", [PLAN | {"base": "hf-hub:owner/ViT-B-32.x"}]))
    assert front["base_model"] == "owner/ViT-B-32.x"


@pytest.mark.parametrize("kind", MARKDOWN)
def test_hostile_files_change_no_element_and_no_key(tmp_path, kind):
    text = MARKDOWN[kind]
    fronts, pages = [], []
    for name, word in (("a", text), ("b", "x")):
        front, body = split(written(tmp_path / name, hostile(word, ""), {word: {word: word}}))
        fronts.append(front)
        pages.append(html(body))
    assert fronts[0] == fronts[1]
    assert pages[0].shape() == pages[1].shape()
    assert table(pages[0], "setting") == [[plain_text(f"{text}.{text}"), plain_text(text)]]


def plain_text(text: str) -> str:
    return " ".join(text.split())


@given(text=st.text(max_size=30) | st.text("\\`*_[]()<>|~&#!$-+=: /w.a\n", max_size=30))
@example(text="a\\|b").via("a pipe that is escaped already")
@example(text="&lt; &#60;")
def test_a_value_is_shown_to_the_letter_in_a_line_and_in_a_table(text):
    shown = plain_text(text).replace("\0", "\ufffd")
    page = html(f"# . {plain(text)} .\n\n- . {plain(text)} .\n\n| a | b |\n|---|---|\n| . {plain(text)} . | x |\n")
    expected = plain_text(f". {shown} .")
    assert [plain_text(found) for tag in ("h1", "li", "td") for found in page.texts(tag)] == [expected] * 3 + ["x"]
    assert {tag for tag, _ in page.shape()} == {"h1", "ul", "li", "table", "thead", "tbody", "tr", "th", "td"}


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("/home/ada/news/train.jsonl", "train.jsonl"),
        ("local-dir:/home/ada/base", "base"),
        ("~/base", "base"),
        ("data/train.jsonl", "data/train.jsonl"),
        ("owner/name", "owner/name"),
        ("hf-hub:owner/name", "hf-hub:owner/name"),
        ("C:\\Users\\ada\\train.jsonl", "train.jsonl"),
        ({"a": ["/home/ada/x.tar/", 0.5, None]}, {"a": ["x.tar", 0.5, None]}),
    ],
)
def test_of_an_absolute_path_only_the_name_is_published(value, shown):
    assert published(value) == shown


def test_no_home_folder_is_published(tmp_path):
    home = "/home/ada/news"
    plan = PLAN | {"base": f"{home}/base", "data": {"train": f"{home}/train.jsonl"}, "regions": f"{home}/boxes"}
    written(tmp_path / "run", [plan, *RUN[1:]], {"data": {"root": home, "shards": [f"{home}/0.tar", f"{home}/1.tar"]}})
    assert "ada" not in card(tmp_path / "run").read_text(encoding="utf-8")


def test_an_unfinished_run_says_so(tmp_path):
    folder = written(tmp_path / "run", [PLAN, evaluation("start", at=0), step(1)], None)
    _, body = split(folder)
    assert "The run is not finished: step 1 of 4" in body
    assert "No tuned model was evaluated yet." in body
    assert [row[2:] for row in table(html(body), "figure")] == [["–", "–"]] * 6


def test_a_folder_without_metrics_is_refused(tmp_path):
    with pytest.raises(HistoryError, match=r"holds no metrics\.jsonl"):
        card(tmp_path)
    assert not list(tmp_path.iterdir())


def test_the_code_of_the_card_loads_the_folder_it_lies_in(tmp_path):
    from clip_event.towers._open_clip import open_clip  # noqa: F401, for the card's own import of it
    from clip_event.towers.models import load, save

    start = tmp_path / "start"
    start.mkdir()
    wordpiece(start)
    config = {"embed_dim": DIMENSION, "vision_cfg": VISION, "text_cfg": TEXT_TOWERS["mini"]}
    (start / "open_clip_config.json").write_text(json.dumps({"model_cfg": config, "preprocess_cfg": {}}))
    folder = tmp_path / "run"
    save(folder, load(str(start), random=0), {})
    _, body = split(written(folder, RUN))
    plainly, ours = re.findall(r"```python\n(.*?)```", body, re.S)
    names: dict = {}
    for code in (plainly, ours):
        ast.parse(code)
        exec(code.replace("FOLDER", str(folder)), names)
    tokens = names["tokenizer"](["police arrest a man"])
    encode = names["model"].eval().encode_text, names["loaded"].model.encode_text
    assert encode[0](tokens).tolist() == encode[1](tokens).tolist()
