"""What can happen and how it is said: ontologies, event records, descriptions and their hard negatives."""

from templates.confusable import Confusable
from templates.corpus import Corpus
from templates.describe import Description, describe
from templates.events import Argument, CaptionEvents, Event, RecordError, Span, read_events, to_graph, write_events
from templates.formats import read_imsitu, read_ontology, read_role_json
from templates.ontology import EventTemplate, Ontology, OntologyError, Role, load_ontology
from templates.pairs import Wanted, described
from templates.statement import Statement, statement

__all__ = [
    "Argument",
    "CaptionEvents",
    "Confusable",
    "Corpus",
    "Description",
    "Event",
    "EventTemplate",
    "Ontology",
    "OntologyError",
    "RecordError",
    "Role",
    "Span",
    "Statement",
    "Wanted",
    "describe",
    "described",
    "load_ontology",
    "read_events",
    "read_imsitu",
    "read_ontology",
    "read_role_json",
    "statement",
    "to_graph",
    "write_events",
]
