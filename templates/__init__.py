"""What can happen and how it is said: ontologies and event records."""

from templates.events import Argument, CaptionEvents, Event, RecordError, Span, read_events, to_graph, write_events
from templates.formats import read_imsitu, read_ontology, read_role_json
from templates.ontology import EventTemplate, Ontology, OntologyError, Role, load_ontology

__all__ = [
    "Argument",
    "CaptionEvents",
    "Event",
    "EventTemplate",
    "Ontology",
    "OntologyError",
    "RecordError",
    "Role",
    "Span",
    "load_ontology",
    "read_events",
    "read_imsitu",
    "read_ontology",
    "read_role_json",
    "to_graph",
    "write_events",
]
