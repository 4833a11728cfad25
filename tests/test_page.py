"""The page for a browser: captions are untrusted, come out to the letter, and run nothing."""

import base64
import hashlib
import shutil
import subprocess
from collections import Counter
from html.parser import HTMLParser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clip_event.page import marks, render_page, write_page
from templates import to_graph

HOSTILE = {
    "script": "<script>document.title = 'taken'</script>",
    "handler": "<img src=x onerror=\"document.title='taken'\"> falls",
    "end of style": "</style></title></p></svg><script>document.title='taken'</script>",
    "quotes": "\" onmouseover=\"document.title='taken'\" x='",
    "entities": "&lt;b&gt; &amp; &#60;script&#62; &copy AT&T",
    "template": "{{ 7 * 7 }} {% raw %} {# note #}",
    "comment": "<!-- --> <![CDATA[ ]]> <?php ?>",
    "bidi": "the \u202emayor\u202c of \u2067תל אביב\u2069 \u200f speaks",
    "white space": "  two\n\tlines\n\n  ",
    "astral and combining": "🔥 Cafe\u0301 burns \u2028 𝒳",
}


class Page(HTMLParser):
    """Elements as (tag, attributes, texts inside), in the order of their start tags."""

    def __init__(self, html: str):
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None], list[str]]] = []
        self.open: list[tuple[str, dict[str, str | None], list[str]]] = []
        self.feed(html)
        self.close()

    def handle_startendtag(self, tag, attributes):
        self.elements.append((tag, dict(attributes), []))

    def handle_starttag(self, tag, attributes):
        self.handle_startendtag(tag, attributes)
        if tag not in ("meta", "img"):
            self.open.append(self.elements[-1])

    def handle_endtag(self, tag):
        while self.open and self.open.pop()[0] != tag:
            pass

    def handle_data(self, data):
        for _, _, texts in self.open:
            texts.append(data)

    def texts(self, tag: str, kind: str | None = None) -> list[str]:
        """The text of each element with this tag and, as its first class, this kind."""
        first = [
            (found, (names.get("class") or " ").split(" ")[0] or None, texts) for found, names, texts in self.elements
        ]
        return ["".join(texts) for found, own, texts in first if (found, own) == (tag, kind)]

    def shape(self) -> list[tuple[str, list[str]]]:
        return [(tag, list(names)) for tag, names, _ in self.elements]


def span(caption: str, start: int, end: int) -> dict:
    return {"text": caption[start:end], "start": start, "end": end}


def record(caption: str, word: str = "x") -> dict:
    """Two events over the caption's halves and whole, with `word` as every name that a record may choose itself."""
    half, end = len(caption) // 2, len(caption)
    whole = span(caption, 0, end) | {"role": word, "entity": "person"}
    left = span(caption, 0, half) | {"role": word, "entity": None}
    events = [
        {"id": word, "type": word, "trigger": span(caption, half, end), "arguments": [whole, left], "score": 1.0},
        {"id": word + "2", "type": word, "trigger": span(caption, 0, half), "arguments": [whole], "score": 1.0},
    ]
    return {"id": word, "caption": caption, "events": events, "salient": word}


@st.composite
def records(draw):
    caption = draw(st.text(min_size=1, max_size=30))
    places = st.lists(st.integers(0, len(caption)), min_size=2, max_size=2, unique=True).map(sorted)
    spans = places.map(lambda place: span(caption, *place))
    arguments = st.lists(spans.map(lambda found: found | {"role": "Agent", "entity": "person"}), max_size=4)
    found = draw(st.lists(st.tuples(spans, arguments), max_size=8))
    events = [
        {"id": f"e{number}", "type": f"Type{number}", "trigger": trigger, "arguments": others, "score": 1.0}
        for number, (trigger, others) in enumerate(found)
    ]
    return {"caption": caption, "events": events, "salient": "e0" if events else None}


@pytest.mark.parametrize("kind", HOSTILE)
def test_a_hostile_record_changes_no_element_and_its_caption_is_shown_to_the_letter(kind):
    text = HOSTILE[kind]
    page, plain = Page(render_page([record(text, text)], text)), Page(render_page([record("x" * len(text))], "x"))
    assert page.texts("p") == page.texts("title") == page.texts("h1") == page.texts("p", "id") == [text]
    assert page.texts("style") == plain.texts("style")
    assert page.shape() == plain.shape()
    assert not {tag for tag, _ in page.shape()} & {"script", "img", "a", "iframe", "link", "object", "foreignobject"}
    assert not [name for _, names in page.shape() for name in names if name.startswith("on") or name in ("href", "src")]


def test_the_policy_allows_this_style_and_nothing_else():
    page = Page(render_page([record("Police arrest a man")], "page"))
    (policy,) = [names["content"] for _, names, _ in page.elements if "http-equiv" in names]
    parts = dict(part.strip().split(" ", 1) for part in policy.split(";"))
    digest = hashlib.sha256(page.texts("style")[0].encode()).digest()
    assert parts.pop("style-src") == f"'sha256-{base64.b64encode(digest).decode()}'"
    assert parts.pop("default-src") == "'none'"
    assert set(parts.values()) == {"'none'"}


@settings(deadline=None, max_examples=200)
@given(row=records())
def test_marks_keep_the_caption_and_say_of_each_letter_what_covers_it(row):
    found = list(marks(row))
    assert "".join(mark.text for mark in found) == row["caption"]
    letters = [mark for mark in found for _ in mark.text]
    for place, mark in enumerate(letters):
        over = {"trigger": set(), "argument": set()}
        for event in row["events"]:
            for kind, spans in (("trigger", [event["trigger"]]), ("argument", event["arguments"])):
                name = event["type"] if kind == "trigger" else f"Agent of {event['type']}"
                over[kind] |= {name for one in spans if one["start"] <= place < one["end"]}
        assert mark.kind == ("trigger" if over["trigger"] else "argument" if over["argument"] else "")
        assert {name for name in mark.title.split(", ") if name} == over["trigger"] | over["argument"]


@settings(deadline=None, max_examples=25)
@given(rows=st.lists(records(), max_size=3))
def test_a_page_shows_every_caption_and_its_graph_s_nodes_and_roles(rows):
    page = Page(render_page(rows, "page"))
    graphs = [to_graph(row) for row in rows]
    assert page.texts("p") == [row["caption"] for row in rows]
    labels = [label for graph in graphs for _, label in graph.nodes(data="label")]
    assert Counter(page.texts("text")) == Counter(labels)
    roles = [role for graph in graphs for _, _, role in graph.edges(data="role")]
    assert Counter(page.texts("text", "role")) == Counter(roles)
    assert len(page.texts("svg")) == sum(bool(row["events"]) for row in rows)


@pytest.mark.parametrize(("own", "shown"), [({"id": "c7"}, "c7"), ({"id": 0}, "0"), ({}, "1"), ({"id": None}, "1")])
def test_a_caption_stands_under_its_id_or_else_its_number(own, shown):
    page = Page(render_page([{"caption": "No event", "events": [], "salient": None} | own], "page"))
    assert page.texts("p", "id") == [shown]


def test_a_record_without_its_optional_keys_is_drawn():
    event = {"id": "e0", "type": "Life:Die", "trigger": span("He dies", 3, 7)}
    page = Page(render_page([{"caption": "He dies", "events": [event]}], "page"))
    assert page.texts("p") == ["He dies"]


def test_a_page_is_written_whole_or_not_at_all(tmp_path):
    rows = [record("Café 🔥")]
    write_page(tmp_path / "page.html", rows, "page")
    before = (tmp_path / "page.html").read_bytes()
    assert before.decode("utf-8") == render_page(rows, "page")
    with pytest.raises(ValueError, match="surrogates"):
        write_page(tmp_path / "page.html", rows, "half a pair: \ud83d")
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {"page.html": before}


def in_chromium(html: str, folder) -> Page:
    """The page's elements after a headless Chromium has loaded it."""
    browser = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if browser is None:
        pytest.skip("no Chromium: none of chromium, chromium-browser, google-chrome on the path")
    (folder / "page.html").write_text(html, encoding="utf-8")
    switches = ["headless", "no-sandbox", "disable-gpu", "disable-background-networking", "no-first-run", "dump-dom"]
    command = [browser, *(f"--{name}" for name in switches), f"--user-data-dir={folder / 'profile'}"]
    command.append((folder / "page.html").as_uri())
    return Page(subprocess.run(command, capture_output=True, timeout=120, check=True).stdout.decode("utf-8"))


@pytest.mark.browser
def test_a_browser_shows_a_hostile_caption_and_runs_nothing(tmp_path):
    captions = [HOSTILE[kind] for kind in ("script", "handler", "end of style", "quotes", "bidi")]
    html = render_page([record(caption, caption) for caption in captions], "untouched")
    page = in_chromium(html, tmp_path)
    assert page.texts("p") == captions
    assert page.texts("title") == ["untouched"]
    slipped = html.replace("</body>", "<script>document.title = 'taken'</script></body>")
    assert in_chromium(slipped, tmp_path).texts("title") == ["untouched"], "the policy stops what escaping let through"
    unguarded = slipped.replace("Content-Security-Policy", "X-None")
    assert in_chromium(unguarded, tmp_path).texts("title") == ["taken"], "this test could not fail"
