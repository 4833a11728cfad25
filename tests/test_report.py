"""The report of a tuning run: its figures against the metrics, its page against hostile and broken folders."""

import base64
import hashlib
import io
import json
import math
import re
from itertools import pairwise
from pathlib import Path
from statistics import fmean

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from scipy.stats import binomtest
from test_page import HOSTILE, Page, in_chromium

from clip_event.tuning import charts
from clip_event.tuning.history import HistoryError, Pairs, leaves, read_run
from clip_event.tuning.report import picture, report

PLAN = {"event": "plan", "base": "mini", "preset": "event", "images": 1000, "steps": 4, "data": {"train": "a.jsonl"}}
SETTINGS = {"losses": {"hard": {"weight": 0.5}}, "optim": {"lr": 1e-5}}


def step(number: int, loss: float = 2.0, **others) -> dict:
    return {
        "event": "step",
        "step": number,
        "epoch": 0,
        "loss": loss,
        "losses": {"hard": loss / 2},
        "lr": 1e-5,
    } | others


def evaluation(when: str, role: float = 0.5, recall: float = 0.4, *, at: int = 4, alpha: float | None = None) -> dict:
    ranks = {"r1": recall, "r5": 0.8}
    return {
        "event": "evaluation",
        "step": at,
        "when": when,
        "alpha": alpha,
        "pairs": {"event": {"accuracy": 0.8, "pairs": 400}, "role": {"accuracy": role, "pairs": 50}},
        "retrieval": {"images": 200, "image_to_text": ranks, "text_to_image": ranks},
        "retention": {"image": 0.97, "text": 0.95},
    }


def case(image: str, word: str = "x", before: float = -0.02, after: float = 0.05) -> dict:
    texts = dict.fromkeys(("id", "style", "kind", "positive", "negative"), word)
    return texts | {"image": image, "before": before, "after": after}


RUN = [
    PLAN,
    evaluation("start", at=0),
    *(step(number, 2.0 / number) for number in range(1, 5)),
    evaluation("end", 0.9, 0.3),
    evaluation("alpha", 0.5, 0.4, alpha=0.0),
    evaluation("alpha", 0.8, 0.39, alpha=0.7),
    evaluation("alpha", 0.9, 0.3, alpha=1.0),
    {"event": "chosen", "alpha": 0.7, "why": "Best within 1 point."},
]


def written(folder: Path, lines: list[dict], config: dict | None = SETTINGS) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    if config is not None:
        (folder / "event_config.json").write_text(json.dumps(config), encoding="utf-8")
    return folder


def page_of(folder: Path) -> Page:
    return Page(report(folder).read_text(encoding="utf-8"))


def table(page: Page, heading: str) -> list[list[str]]:
    """The cells of the table whose first column has this heading."""
    rows: list[list[str]] = []
    for tag, _, texts in page.elements:
        if tag == "table":
            rows.append([])
        elif tag == "tr":
            rows[-1].append([])
        elif tag in ("th", "td"):
            rows[-1][-1].append("".join(texts))
    return next(found[1:] for found in rows if found[0][0] == heading)


@given(st.integers(1, 3000).flatmap(lambda pairs: st.tuples(st.integers(0, pairs), st.just(pairs))))
def test_the_interval_is_wilson_s(counts):
    right, pairs = counts
    expected = binomtest(right, pairs).proportion_ci(method="wilson")
    found = Pairs(accuracy=right / pairs, pairs=pairs).interval
    assert found == pytest.approx((expected.low, expected.high), abs=1e-12)


def test_the_page_says_before_and_after_of_the_weights_that_were_kept(tmp_path):
    page = page_of(written(tmp_path / "run", RUN))
    rows = {name: others for name, *others in table(page, "Figure")}
    assert rows["role accuracy"] == ["50.0", "80.0", "+30.0"]
    assert rows["image to text R@1"] == ["40.0", "39.0", "−1.0"]
    assert rows["cosine to the starting text embeddings"] == ["100.0", "95.0", "−5.0"]
    low, high = binomtest(40, 50).proportion_ci(method="wilson")
    expected = ["role", "after", "50", "80.0", f"{100 * low:.1f} to {100 * high:.1f}"]
    assert expected in table(page, "Kind")
    assert [row[0] for row in table(page, "Evaluated")] == [
        *("start", "end", "alpha 0", "alpha 0.7 (after)", "alpha 1"),
    ]
    assert "".join(page.texts("h1")) == "run"
    assert not page.texts("section", "warnings")
    cells = ["".join(texts) for tag, _, texts in page.elements if tag in ("th", "td")]
    assert ("losses.hard.weight", "0.5") in pairwise(cells)


def test_bars_are_as_long_as_their_accuracy_and_whiskers_span_the_interval(tmp_path):
    page = page_of(written(tmp_path / "run", RUN))
    widths = [float(names["width"]) for tag, names, _ in page.elements if tag == "rect"]
    assert [width / charts.FIELD for width in widths] == pytest.approx([0.8, 0.8, 0.5, 0.8], abs=2e-4)
    (role,) = charts.rows({}, {"role": Pairs(accuracy=0.8, pairs=50)})
    interval = binomtest(40, 50).proportion_ci(method="wilson")
    assert [end / charts.FIELD for end in role.bars[0].whisker] == pytest.approx([interval.low, interval.high])


def test_the_curve_over_alpha_is_gain_against_change_and_marks_what_was_kept(tmp_path):
    run = read_run(written(tmp_path / "run", RUN))
    found = charts.trade(run.before, run.alphas, run.after)
    shown = [(p.alpha, round(p.gain, 9), round(p.change, 9), p.kept) for p in found.points]
    assert shown == [(0.0, 0, 0, False), (0.7, 30, -1, True), (1.0, 40, -10, False)]
    places = [(found.x.at(p.change), found.y.at(p.gain)) for p in found.points]
    assert places == [(p.x, p.y) for p in found.points]
    page = page_of(tmp_path / "run")
    assert [names["class"] for tag, names, _ in page.elements if tag == "circle"] == ["point", "kept", "point"]


@given(values=st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=20), scale=st.sampled_from([1e-9, 1.0, 1e9]))
def test_an_axis_holds_its_values_and_labels_round_ones_where_they_are(values, scale):
    values = [value * scale for value in values]
    axis = charts.axis(values, 10, 110)
    slack = 1e-6 * 100
    assert all(10 - slack <= axis.at(value) <= 110 + slack for value in values)
    assert 3 <= len(axis.ticks) <= 8
    places = [place for place, _ in axis.ticks]
    assert (places[0], places[-1]) == pytest.approx((10, 110))
    gaps = [after - before for before, after in pairwise(places)]
    assert gaps == pytest.approx([100 / len(gaps)] * len(gaps), rel=1e-4)
    assert [axis.at(float(label.replace("−", "-"))) for _, label in axis.ticks] == pytest.approx(places, abs=0.1)


def test_a_curve_of_many_steps_goes_through_the_means_of_neighbours():
    values = [math.sin(number / 90) + 2 for number in range(1000)]
    found = charts.curve("loss", list(enumerate(values)))
    points = [tuple(map(float, point.split())) for point in re.split("[ML]", found.path)[1:]]
    size = -(-1000 // charts.POINTS)
    groups = [values[at : at + size] for at in range(0, 1000, size)]
    assert len(points) == len(groups) <= charts.POINTS
    heights = [
        found.y.high - (y - charts.TOP) / (found.y.start - charts.TOP) * (found.y.high - found.y.low) for _, y in points
    ]
    assert heights == pytest.approx([fmean(group) for group in groups], abs=0.02)


def test_of_a_repeated_step_the_last_counts_and_steps_after_a_stop_take_it_back(tmp_path):
    lines = [PLAN, step(1, 5.0), step(2, 4.0), {"event": "stopped", "reason": "SIGTERM"}]
    assert "stopped at step 2 of 4: SIGTERM" in read_run(written(tmp_path / "a", lines)).warnings[0]
    run = read_run(written(tmp_path / "a", [*lines, PLAN, step(2, 3.0), step(3, 2.0)]))
    assert {number: one.loss for number, one in run.steps.items()} == {1: 5.0, 2: 3.0, 3: 2.0}
    assert run.stopped is None
    assert "not finished" in run.warnings[0]
    again = read_run(written(tmp_path / "a", [*RUN, step(5), evaluation("end", 0.95, at=5)]))
    assert (again.chosen, again.after.roles) == (None, 0.95)


def test_a_last_line_cut_anywhere_is_said_and_costs_nothing_else(tmp_path):
    folder = written(tmp_path / "run", [PLAN, step(1), evaluation("start", at=0)], None)
    last = json.dumps(case("é.jpg") | {"event": "other"}, ensure_ascii=False).encode()
    before = (folder / "metrics.jsonl").read_bytes()
    for cut in range(len(last) + 1):
        (folder / "metrics.jsonl").write_bytes(before + last[:cut])
        run = read_run(folder)
        said = any("last line" in warning for warning in run.warnings)
        assert said == (0 < cut < len(last)), last[:cut]
        assert list(run.steps) == [1]
        assert run.before
    (folder / "metrics.jsonl").write_bytes(before + last[:20] + json.dumps(step(2)).encode() + b"\n[1]\n\n7\n")
    assert "Lines of metrics.jsonl that cannot be read are left out: 4, 5, 7." in read_run(folder).warnings
    assert page_of(folder).texts("section", "warnings")


def test_unknown_events_are_passed_over_and_missing_fields_are_said(tmp_path):
    known = [*RUN, {"event": "profile", "seconds": 1}, step(5) | {"new": 1}, RUN[-1]]
    assert read_run(written(tmp_path / "a", known)).warnings == []
    assert "left out: 12." in read_run(written(tmp_path / "a", [*RUN, {"event": "step", "loss": 1.0}])).warnings[-1]


def test_what_went_wrong_is_said_first(tmp_path):
    lines = [*RUN[:2], step(1), step(2, math.nan), {"event": "missing", "count": 3, "seen": 1000}]
    lines.append({"event": "stopped", "reason": "loss is not finite at step 2: records a, b"})
    folder = written(tmp_path / "run", lines, None)
    (warnings,) = page_of(folder).texts("section", "warnings")
    for said in ("records a, b", "first at step 2", "3 of 1,000 pictures (0.3 %)", "event_config.json cannot be read"):
        assert said in warnings
    (folder / "event_config.json").write_text("[1]")
    assert "found a list, expected an object" in page_of(folder).texts("section", "warnings")[0]


@pytest.mark.parametrize("lines", [[PLAN], [step(1)], [evaluation("alpha", alpha=0.5)], [{"event": "x"}], RUN[2:4]])
def test_any_part_of_a_run_makes_a_page(tmp_path, lines):
    page = page_of(written(tmp_path / "run", lines, None))
    assert page.texts("h2")[-1] == "Plan and settings"
    assert "not finished" in page.texts("section", "warnings")[0]


def test_a_folder_without_metrics_is_refused_with_what_was_expected(tmp_path):
    with pytest.raises(HistoryError, match=r"holds no metrics\.jsonl; expected the folder that a tuning run writes to"):
        report(tmp_path)
    for content in ("", "\n", "cut", "[1]\n{}\n"):
        (tmp_path / "metrics.jsonl").write_text(content)
        with pytest.raises(HistoryError, match=r"metrics\.jsonl: found \d lines, none that can be read"):
            report(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["metrics.jsonl"]


def hostile(text: str, image: str) -> list[dict]:
    """A run in which every name that a file may choose is this text."""
    lines = [PLAN | {"base": text, "preset": text, text: text}, evaluation("start"), step(1, losses={text: 1.0})]
    lines += [evaluation("end"), {"event": "stopped", "reason": text}, {"event": "cases", "cases": [case(image, text)]}]
    for line in lines:
        if line["event"] == "evaluation":
            line["pairs"] = {text: {"accuracy": 0.5, "pairs": 8}}
            line["retention"] = {text: 0.9}
            line["retrieval"]["image_to_text"] = {text: 0.5}
    return lines


@pytest.mark.parametrize("kind", HOSTILE)
def test_hostile_files_change_no_element_and_captions_are_shown_to_the_letter(tmp_path, kind):
    text = HOSTILE[kind]
    pages = []
    for name, word in (("a", text), ("b", "x")):
        pages.append(page_of(written(tmp_path / name, hostile(word, word), {word: {word: word}})))
    page, plain = pages
    assert page.shape() == plain.shape()
    assert page.texts("style") == plain.texts("style")
    assert page.texts("p", "true") + page.texts("p", "false") == [f"true {text}", f"false {text}"]
    assert not {tag for tag, _ in page.shape()} & {"script", "iframe", "link", "object", "foreignobject", "img"}
    assert not [name for _, names in page.shape() for name in names if name.startswith("on")]
    assert {names["href"][0] for _, names, _ in page.elements if "href" in names} == {"#"}


def test_the_policy_allows_this_style_and_embedded_pictures_and_nothing_else(tmp_path):
    page = page_of(written(tmp_path / "run", RUN))
    (policy,) = [names["content"] for _, names, _ in page.elements if "http-equiv" in names]
    parts = dict(part.strip().split(" ", 1) for part in policy.split(";"))
    digest = base64.b64encode(hashlib.sha256(page.texts("style")[0].encode()).digest()).decode()
    assert (parts.pop("style-src"), parts.pop("img-src")) == (f"'sha256-{digest}'", "data:")
    assert parts.pop("default-src") == "'none'"
    assert set(parts.values()) == {"'none'"}
    assert not [1 for tag, names, _ in page.elements if "style" in names], "the policy would drop it"


def test_pictures_are_embedded_small_and_broken_ones_have_a_placeholder(tmp_path):
    (tmp_path / "data").mkdir()
    Image.new("RGB", (640, 320), (200, 30, 30)).save(tmp_path / "data" / "red.png")
    Image.new("L", (20, 40), 90).save(tmp_path / "grey.jpg")
    (tmp_path / "text.jpg").write_text("no picture")
    (tmp_path / "half.png").write_bytes((tmp_path / "data" / "red.png").read_bytes()[:200])
    Image.new("RGB", (8, 8)).save(tmp_path / "uncommon.ppm")
    absolute = str(tmp_path / "grey.jpg")
    images = ["red.png", absolute, "text.jpg", "half.png", "uncommon.ppm", "none.jpg", "", "a\0b", "x" * 5000, "."]
    plan = PLAN | {"data": {"validation": str(tmp_path / "data" / "captions.jsonl"), "workers": 2}}
    cases = {"event": "cases", "cases": [case(str(image)) for image in images]}
    page = page_of(written(tmp_path, [plan, cases]))
    sources = [names["src"] for tag, names, _ in page.elements if tag == "img"]
    shown = [Image.open(io.BytesIO(base64.b64decode(source.split(",", 1)[1]))) for source in sources]
    assert [one.size for one in shown] == [(160, 80), (20, 40)]
    assert shown[0].getpixel((80, 40)) == pytest.approx((200, 30, 30), abs=6)
    assert all(names["alt"] for tag, names, _ in page.elements if tag == "img")
    assert len(page.texts("span", "gone")) == len(images) - 2


def test_a_picture_that_would_fill_the_memory_is_left_out(tmp_path, monkeypatch):
    Image.new("1", (4000, 4000)).save(tmp_path / "big.png")
    assert picture("big.png", [tmp_path])
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 4_000_000)
    assert picture("big.png", [tmp_path]) is None


@pytest.mark.parametrize(
    ("margins", "verdict"),
    [((-0.1, 0.1), "put right"), ((0.1, -0.1), "put wrong"), ((0.1, 0.2), "right"), ((-0.2, 0.0), "still wrong")],
)
def test_a_case_says_its_margins_and_what_became_of_it(tmp_path, margins, verdict):
    page = page_of(written(tmp_path / "run", [{"event": "cases", "cases": [case("", "x", *margins)]}]))
    before, after = (f"{margin:+.3f}".replace("-", "−") for margin in margins)
    assert page.texts("p", "margin") == [f"{before} → {after} {verdict}"]


@settings(deadline=None)
@given(st.recursive(st.integers() | st.booleans(), lambda inner: st.dictionaries(st.text("ab", min_size=1), inner)))
def test_leaves_name_every_value_once(values):
    def count(value):
        return sum(map(count, value.values())) if isinstance(value, dict) and value else 1

    values = {"all": values}
    if count(values) <= 60:
        names = [name for name, _ in leaves(values)]
        assert len(names) == len(set(names)) == count(values)


def test_a_setting_of_very_many_values_is_only_counted():
    config = {"ontology": {str(number): number for number in range(61)}, "optim": {"lr": 1e-5, "fused": True}}
    shown = [("ontology", "61 values, see event_config.json"), ("optim.lr", "1e-05"), ("optim.fused", "yes")]
    assert leaves(config) == shown


@pytest.mark.browser
def test_a_browser_shows_hostile_captions_and_runs_nothing(tmp_path):
    texts = [HOSTILE[kind] for kind in ("script", "handler", "end of style", "quotes")]
    lines = [*RUN, {"event": "cases", "cases": [case("", text) for text in texts]}]
    html = report(written(tmp_path / "run", lines)).read_text(encoding="utf-8")
    page = in_chromium(html, tmp_path)
    assert page.texts("p", "true") == [f"true {text}" for text in texts]
    slipped = html.replace("</body>", "<script>document.title = 'taken'</script></body>")
    assert in_chromium(slipped, tmp_path).texts("title") == ["run: tuning report"]
