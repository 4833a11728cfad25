"""The blind tier: a judge that counts words, written here once more, stands at chance on it."""

import json
import math
from collections import Counter
from random import Random

from typer.testing import CliRunner

from clip_event.cli import app
from templates.blind import Blind, Told


def pair(number: int, true: str, false: str, kind: str = "role", candidate: int = 0) -> Told:
    return Told((f"r{number}", "e0", kind, candidate), tuple(true.split()), tuple(false.split()))


def forced_choice(train: list[Told], test: list[Told]) -> float:
    """Share of test pairs in which a naive Bayes judge, taught on the others, prefers the truth."""
    true, false = Counter(w for p in train for w in p.true), Counter(w for p in train for w in p.false)

    def weight(words: tuple[str, ...]) -> float:
        return sum(math.log((true[w] + 0.5) / (false[w] + 0.5)) for w in words)

    right = [weight(p.true) - weight(p.false) for p in test]
    return sum(1.0 if value > 0 else 0.5 if value == 0 else 0.0 for value in right) / len(right)


def skewed(count: int, seed: int) -> list[Told]:
    """Agents are police three times in four: words tell the truth from its exchange at 75 %."""
    draw = Random(seed)
    pairs = []
    for number in range(count):
        agent, other = ("police", "crowd") if draw.random() < 0.75 else ("crowd", "police")
        pairs.append(pair(number, f"Agent={agent} Person={other}", f"Agent={other} Person={agent}"))
    return pairs


def test_what_gives_the_truth_away_is_balanced() -> None:
    pairs = skewed(400, 1)
    blind = Blind(pairs)
    kept = [one for one in pairs if one.key in blind]
    assert forced_choice(pairs[:200], pairs[200:]) > 0.65
    by_agent = Counter(one.true[0] for one in kept)
    crowds = sum(one.true[0] == "Agent=crowd" for one in pairs)
    assert by_agent["Agent=crowd"] == crowds
    assert abs(by_agent["Agent=police"] - crowds) <= 0.2 * crowds
    assert forced_choice(kept[0::2], kept[1::2]) < 0.6


def test_a_word_that_only_negatives_have_leaves_next_to_nothing() -> None:
    pairs = [pair(number, "type=Arrest", "type=Sue") for number in range(50)]
    blind = Blind(pairs)
    assert sum(one.key in blind for one in pairs) <= 5


def test_at_most_one_candidate_of_an_event_and_kind_is_kept() -> None:
    pairs = [
        Told((one.key[0], "e0", kind, candidate), one.true, one.false)
        for one in skewed(100, 2)
        for kind in ("role", "filler")
        for candidate in range(3)
    ]
    blind = Blind(pairs)
    kept = Counter(one.key[:3] for one in pairs if one.key in blind)
    assert kept
    assert max(kept.values()) == 1


def test_the_order_of_the_pairs_does_not_matter() -> None:
    pairs = skewed(200, 3)
    mixed = Random(4).sample(pairs, len(pairs))
    assert Blind(pairs).kept == Blind(mixed).kept


def test_the_command_writes_only_negatives_of_the_tier(tmp_path) -> None:
    people = ["nurses", "farmers", "pilots", "miners", "bakers", "sailors", "painters", "hunters"]
    lines = []
    for number in range(40):
        first, second = Random(number).sample(people, 2)
        caption = f"{first.capitalize()} greet {second}."
        start = len(first) + 7
        arguments = [
            {"role": "Attacker", "text": caption[: len(first)], "start": 0, "end": len(first), "entity": "person"},
            {"role": "Target", "text": second, "start": start, "end": start + len(second), "entity": "person"},
        ]
        trigger = {"text": "greet", "start": len(first) + 1, "end": len(first) + 6}
        event = {"id": "e0", "type": "Conflict:Attack", "trigger": trigger, "arguments": arguments}
        lines.append(json.dumps({"id": number, "caption": caption, "events": [event]}))
    source = tmp_path / "in.jsonl"
    source.write_text("\n".join(lines), encoding="utf-8")
    counts = []
    for options in ([], ["--blind"]):
        out = tmp_path / "out.jsonl"
        done = CliRunner().invoke(app, ["describe", str(source), "-o", str(out), "--negatives", "role=1", *options])
        assert done.exit_code == 0, done.output
        rows = [json.loads(line) for line in out.read_text(encoding="utf-8").splitlines()]
        counts.append(sum(bool(row["pairs"][0]["negatives"]) for row in rows))
    assert counts[0] == 40
    assert 0 < counts[1] < 40
