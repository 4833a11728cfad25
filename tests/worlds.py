"""Random ontologies and records for the tests of negatives: every word has one entity kind, known by hand."""

from itertools import combinations

from hypothesis import strategies as st

from templates.events import CaptionEvents
from templates.ontology import Ontology, parse_ontology
from templates.statement import statement

BASE = {
    "person": "soldier:soldiers protester:protesters nurse:nurses child:children farmer lawyer baker Obama Putin",
    "organization": "company:companies bank:banks council Hamas NATO",
    "place": "hospital:hospitals market school street Kyiv Lviv Rome",
    "vehicle": "car:cars truck:trucks bus:buses ferry:ferries tank bicycle",
    "weapon": "gun:guns missile bomb knife:knives club",
}
ENTITY = {word: kind for kind, words in BASE.items() for word in words.replace(":", " ").split()}
LEMMA = {
    word: entry.split(":")[0].casefold() for w in BASE.values() for entry in w.split() for word in entry.split(":")
}
ROLES = ("Agent", "Target", "Helper", "Instrument", "Place")


def told(name, *events, between="near the") -> CaptionEvents:
    """A record whose caption is the events' words, joined; an event is (type, trigger, ((role, text), ...))."""
    caption, rows = "Yesterday", []
    for number, (kind, trigger, fillers) in enumerate(events):
        spans = []
        for text in (trigger, *(text for _, text in fillers)):
            caption += f" {between} " if between else " "
            spans.append({"text": text, "start": len(caption), "end": len(caption) + len(text)})
            caption += text
        arguments = [
            {**span, "role": role, "entity": ENTITY.get(span["text"])}
            for span, (role, _) in zip(spans[1:], fillers, strict=True)
        ]
        rows.append({"id": f"e{number}", "type": kind, "trigger": spans[0], "arguments": arguments})
    return CaptionEvents.model_validate({"id": name, "caption": caption + ".", "events": rows})


def ontology_of(**events) -> Ontology:
    """Types from role name to kinds; keys with a capital are roles, the others belong to the type."""
    rows = {}
    for number, (name, spec) in enumerate(events.items()):
        roles = {role: {"kinds": kinds.split()} for role, kinds in spec.items() if role[0].isupper()}
        first = next(iter(roles), None)
        groups = " ".join(f"[beside {{{role}}}]" for role in roles)
        said = [f"{{{first}}} <act> {groups.replace(f'[beside {{{first}}}]', '')}"] if first else []
        own = {key: value for key, value in spec.items() if key[0].islower()}
        rows[name] = {"gerund": f"acting {number}", "sentences": [*said, f"an act {groups}"], "roles": roles, **own}
    return parse_ontology({"name": "random", "events": rows}, "random")


def statements(records, ontology):
    return [statement(record, event, ontology) for record in records for event in record.events]


@st.composite
def ontologies(draw):
    names = [f"{draw(st.sampled_from('CD'))}:T{number}" for number in range(draw(st.integers(2, 6)))]
    types = {}
    for number, name in enumerate(names):
        roles = draw(st.lists(st.sampled_from(ROLES), min_size=2, unique=True))
        kinds = st.lists(st.sampled_from(sorted(BASE)), min_size=1, max_size=3, unique=True).map(" ".join)
        spec = {role: "place" if role == "Place" else draw(kinds) for role in roles}
        others = [other for other in names if other != name]
        spec["near"] = draw(st.lists(st.sampled_from(others), max_size=1))
        spec["symmetric"] = draw(st.lists(st.sampled_from(list(combinations(roles, 2))), max_size=1))
        if number and draw(st.booleans()):
            spec["parent"] = draw(st.sampled_from(names[:number]))
        types[name] = spec
    return ontology_of(**types)


@st.composite
def worlds(draw):
    """A random ontology and random records of it."""
    ontology, records = draw(ontologies()), []
    for number in range(draw(st.integers(1, 8))):
        events = []
        for _ in range(draw(st.integers(1, 2))):
            template = ontology[draw(st.sampled_from(list(ontology.events)))]
            roles = draw(st.lists(st.sampled_from(list(template.roles)), max_size=5))
            fits = [(role, [w for w in ENTITY if ENTITY[w] in template.roles[role].kinds]) for role in roles]
            fillers = tuple((role, draw(st.sampled_from(words))) for role, words in fits)
            events.append((template.name, draw(st.sampled_from(("act", "acting", "acts"))), fillers))
        records.append(told(number, *events, between=draw(st.sampled_from(("and", "near the", "in a", "")))))
    return ontology, records
