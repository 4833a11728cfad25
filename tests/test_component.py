"""The spaCy component: alone, beside other components, in other processes, on disk."""

import pickle
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
import spacy
from spacy import displacy
from spacy.language import Language

from extraction.extractor import EventExtractor

CAPTION = "Police arrest a man in Kabul."


@pytest.fixture(scope="module")
def nlp() -> Language:
    nlp = spacy.blank("en")
    nlp.add_pipe("event_extractor", config={"device": "cpu"})
    return nlp


def run(code: str, timeout: int = 120) -> str:
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, timeout=timeout, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_doc_gets_the_extractors_events(nlp: Language, news: EventExtractor) -> None:
    doc = nlp(CAPTION)
    (record,) = news.extract([CAPTION])
    assert doc._.events == record["events"]
    assert doc._.salient == record["salient"]


def test_spans_are_ready_for_displacy(nlp: Language) -> None:
    doc = nlp(CAPTION)
    labels = {(span.text, span.label_) for span in doc.spans["events"]}
    assert ("arrest", "Justice:Arrest-Jail") in labels
    assert ("Police", "Justice:Arrest-Jail:Agent") in labels
    page = displacy.render(doc, style="span", options={"spans_key": "events"}, jupyter=False)
    assert "Justice:Arrest-Jail:Agent" in page


def test_it_stands_beside_other_components() -> None:
    nlp = spacy.blank("en")
    nlp.add_pipe("sentencizer")
    nlp.add_pipe("event_extractor", config={"ontology": "open", "device": "cpu"})
    doc = nlp("A boy kicks a ball. A dog runs.")
    assert len(list(doc.sents)) == 2
    assert [event["type"] for event in doc._.events] == ["kick", "run"]


def test_events_survive_bytes_and_pickle(nlp: Language) -> None:
    doc = nlp(CAPTION)
    again = spacy.tokens.Doc(nlp.vocab).from_bytes(doc.to_bytes())
    assert again._.events == doc._.events
    assert pickle.loads(pickle.dumps(doc))._.events == doc._.events


def test_a_pipeline_on_disk_keeps_its_settings(tmp_path: Path) -> None:
    nlp = spacy.blank("en")
    nlp.add_pipe("event_extractor", config={"ontology": "open", "device": "cpu"})
    nlp.to_disk(tmp_path / "pipeline")
    again = spacy.load(tmp_path / "pipeline")
    assert [event["type"] for event in again("A boy kicks a ball.")._.events] == ["kick"]


def test_a_pickled_pipeline_reads_the_same(nlp: Language) -> None:
    assert pickle.loads(pickle.dumps(nlp))(CAPTION)._.events == nlp(CAPTION)._.events


def test_two_processes_after_a_forward_pass_in_the_parent_do_not_hang() -> None:
    out = run("""
        import multiprocessing
        multiprocessing.set_start_method("fork")
        import spacy
        nlp = spacy.blank("en")
        nlp.add_pipe("event_extractor", config={"device": "cpu"})
        texts = ["Police arrest a man in Kabul.", "A dog."] * 40
        first = [doc._.events for doc in nlp.pipe(texts)]
        second = [doc._.events for doc in nlp.pipe(texts, n_process=2, batch_size=10)]
        same = [[(e["type"], e["trigger"]) for e in events] for events in first]
        assert same == [[(e["type"], e["trigger"]) for e in events] for events in second]
        print("done")
    """)
    assert out.strip() == "done"


def test_a_blank_pipeline_of_another_program_does_not_load_torch_through_us() -> None:
    out = run("""
        import sys
        sys.modules["torch"] = None  # an import of it now fails
        import spacy
        nlp = spacy.blank("en")
        assert nlp.has_factory("event_extractor")
        import extraction.component
        print("fine")
    """)
    assert out.strip() == "fine"
