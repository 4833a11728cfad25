"""What captions say of the photograph itself, their words with offsets, and the windows of long texts."""

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from extraction.captions import windows, words_of
from templates.habits import body, habits

# The habit as it stands in the caption, without the white space and dashes around it.
FOUND = [
    ("FILE - Police arrest a man.", "file", "FILE"),
    ("FILE – Police arrest a man.", "file", "FILE"),
    ("FILE PHOTO: Police arrest a man.", "file", "FILE PHOTO"),
    ("(FILE) - Police arrest a man.", "file", "(FILE)"),
    ("File photo: Police arrest a man.", "file", "File photo"),
    ("Police arrest a man. (AP Photo/Jane Doe)", "credit", "(AP Photo/Jane Doe)"),
    ("Police arrest a man (AP Photo/Jane Doe) in Kabul.", "credit", "(AP Photo/Jane Doe)"),
    ("Police arrest a man. (Photo: X)", "credit", "(Photo: X)"),
    ("Police arrest a man. [Photo by Jane Doe]", "credit", "[Photo by Jane Doe]"),
    ("Police arrest a man. REUTERS/Jane Doe", "credit", "REUTERS/Jane Doe"),
    ("Police arrest a man. Photo: Jane Doe", "credit", "Photo: Jane Doe"),
    ("KABUL (Reuters) - Police arrest a man.", "dateline", "(Reuters)"),
    ("KABUL, Jan 3 (AP) — Police arrest a man.", "dateline", "(AP)"),
    ("The minister (L) greets a guest.", "position", "(L)"),
    ("The minister (R) greets a guest.", "position", "(R)"),
    ("The minister (far left) greets a guest.", "position", "(far left)"),
    ("The minister, second from left, greets a guest.", "position", "second from left"),
    ("The minister, third from right, greets a guest.", "position", "third from right"),
    ("The minister, left, greets a guest.", "position", "left"),
    ("A guest greets the minister, right.", "position", "right"),
    ("Ann, Bob and Carl, from left to right, wave.", "position", "from left to right"),
    ("(L to R) Ann, Bob and Carl wave.", "position", "(L to R)"),
    ("From left, Ann, Bob and Carl wave.", "position", "From left"),
]
PLAIN = [
    "The soldiers left the base.",
    "a photo of a file cabinet",
    "Police file charges against a man.",
    "He turned right and left again.",
    "Two men stayed and a third left the country.",
    "Protesters from left-wing groups march.",
    "Supporters from rightist parties march.",
    "A reporter of AP and a photographer of Reuters wait.",
    "The pool (12 metres) is closed.",
    "Children play at a hotel (Pool area).",
    "A left back, the center forward and their coach wave.",
]


@pytest.mark.parametrize(("caption", "kind", "text"), FOUND, ids=[text for _, _, text in FOUND])
def test_a_habit_is_found_once_where_it_stands(caption, kind, text):
    (habit,) = habits(caption)
    start = caption.index(text)
    assert habit.kind == kind
    assert habit.start <= start
    assert habit.end >= start + len(text)
    around = caption[habit.start : start] + caption[start + len(text) : habit.end]
    assert not around.strip(" -–—:")


@pytest.mark.parametrize("caption", PLAIN)
def test_a_plain_caption_has_no_habits_and_stays_whole(caption):
    assert habits(caption) == ()
    assert body(caption) == caption


def test_a_label_before_the_caption_does_not_swallow_it():
    caption = "Photo: Police arrest a man in Kabul"
    assert all(habit.end <= caption.index("Police") for habit in habits(caption))
    assert body(caption).endswith("Police arrest a man in Kabul")


def test_several_habits_come_in_the_order_of_the_caption():
    caption = "FILE - The minister (L) and, from left, Ann and Bob wave. (AP Photo/Jane Doe)"
    found = habits(caption)
    assert [habit.kind for habit in found] == ["file", "position", "position", "credit"]
    assert all(first.end <= second.start for first, second in pairwise(found))


@pytest.mark.parametrize(
    ("caption", "left"),
    [
        ("FILE - Police arrest a man. (AP Photo/Jane Doe)", "Police arrest a man."),
        ("FILE PHOTO: Police arrest a man. REUTERS/Jane Doe", "Police arrest a man."),
        ("Police (L) arrest a man, right. (Photo: X)", "Police (L) arrest a man, right."),
        ("Ann, second from left, and Bob, from left to right.", "Ann, second from left, and Bob, from left to right."),
        ("KABUL (Reuters) - Police arrest a man.", "KABUL (Reuters) - Police arrest a man."),
        ("FILE - (AP Photo/Jane Doe) Police arrest a man.", "Police arrest a man."),
        ("FILE -  (AP Photo/Jane Doe) Police arrest a man.", "Police arrest a man."),
        ("FILE PHOTO:  (AP Photo/Jane Doe)Police arrest a man.", "Police arrest a man."),
        ("(AP Photo/Jane Doe)", ""),
        ("", ""),
    ],
)
def test_body_leaves_out_file_and_credit_and_nothing_else(caption, left):
    assert body(caption) == left


TEXTS = st.one_of(
    st.text(max_size=60),
    st.text(st.sampled_from("aéß'’.,-(/)$1 \t\n\u00a0\u2009\u200b\u200d\ufeff\u3000\u2028😀👩🏽𝒜e\u0301"), max_size=60),
    st.lists(st.sampled_from(["man's", "don't", "U.S.", "(AP)", "10km", "a/b", "…"]), max_size=8).map(" ".join),
)


@settings(max_examples=300, deadline=None)
@given(text=TEXTS)
def test_words_have_exact_offsets_and_hold_every_character_but_white_space_once(text):
    words, starts, ends = words_of(text)
    assert [text[start:end] for start, end in zip(starts, ends, strict=True)] == words
    assert not any(word.isspace() or not word for word in words)
    covered = [at for start, end in zip(starts, ends, strict=True) for at in range(start, end)]
    assert covered == sorted(set(covered))
    assert {at for at, character in enumerate(text) if not character.isspace()} <= set(covered)


def test_offsets_count_characters_and_not_bytes_or_utf16_units():
    assert words_of("😀 Police\u00a0arrest") == (["😀", "Police", "arrest"], [0, 2, 9], [1, 8, 15])


@settings(max_examples=300, deadline=None)
@given(
    text=st.lists(st.tuples(st.sampled_from(["man", ".", "!", "?", "runs"]), st.integers(1, 9)), max_size=40),
    longest=st.integers(1, 30),
)
def test_windows_cover_every_word_once_within_the_limit_and_are_not_needlessly_short(text, longest):
    words, lengths = [word for word, _ in text], [length for _, length in text]
    ranges = windows(words, lengths, longest)
    assert [at for start, end in ranges for at in range(start, end)] == list(range(len(words)))
    for start, end in ranges:
        assert sum(lengths[start:end]) <= longest or end == start + 1
        at_sentence_end = words[end - 1] in (".", "!", "?")
        room = end < len(words) and sum(lengths[start : end + 1]) <= longest
        assert at_sentence_end or not room
        if end < len(words) and any(word in (".", "!", "?") for word in words[start:end]):
            assert at_sentence_end


def test_a_text_is_cut_at_the_last_sentence_end_that_fits():
    words = ["It", "rains", ".", "He", "runs", ".", "She", "walks", "home", "."]
    assert windows(words, [1] * 10, 8) == [(0, 6), (6, 10)]
    assert windows(words, [1] * 10, 2) == [(0, 2), (2, 3), (3, 5), (5, 6), (6, 8), (8, 10)]
