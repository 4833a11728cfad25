"""The event types that scenes show: their roles, layouts, instruments and wordings.

A wording has `{A}` for the agent, `{P}` for the patient and `{T}` for the thing, `<...>` around the trigger, and
`[one|several]` where the number of people tells. Agent and patient have the same number in every scene, so that the
number tells no role.
"""

from dataclasses import dataclass
from functools import cache

from clip_event.scenes import care, company, conflict
from clip_event.scenes.stage import Layout
from templates.english import inflected


@dataclass(frozen=True)
class Act:
    """An event type.

    Attributes:
        agent, patient: names of the roles that are exchanged in the swapped scene; the same where they are symmetric.
        verbs: verbs that the agent is the subject and the patient the object of.
        wordings: others.
        instruments: what may be used, see `INSTRUMENTS`.
        thing: name of the role of what else takes part, if anything does.
        things: what may be it, see `THINGS`.
        several: whether two may act upon two.
    """

    agent: str
    patient: str
    layout: Layout
    verbs: tuple[str, ...] = ()
    wordings: tuple[str, ...] = ()
    instruments: tuple[str, ...] = ()
    thing: str | None = None
    things: tuple[str, ...] = ()
    several: bool = False


ACTS: dict[str, Act] = {
    "Conflict:Attack": Act(
        "Attacker",
        "Target",
        conflict.attack,
        ("attack", "assault", "strike"),
        ("the <attack> on {P} by {A}", "an <assault> on {P} by {A}", "{P} [comes|come] under <attack> from {A}"),
        ("club", "knife", "hammer"),
    ),
    "Conflict:Demonstrate": Act(
        "Demonstrator",
        "Police",
        conflict.demonstrate,
        (),
        (
            "{A} <[protests|protest]> in front of {P}",
            "{A} <protesting> in front of {P}",
            "{A} <[demonstrates|demonstrate]> before {P}",
            "{A} <[rallies|rally]> in front of {P}",
            "{P} [faces|face] a <protest> by {A}",
            "{P} facing a <demonstration> by {A}",
            "a <protest> by {A} in front of {P}",
            "{P} [stands|stand] behind a barrier during a <rally> by {A}",
        ),
        ("placard", "flag", "megaphone"),
        several=True,
    ),
    "Movement:Transport": Act(
        "Agent",
        "Artifact",
        care.transport,
        ("transport", "move"),
        ("{A} [is|are] <taking> {P} away", "{P} [is|are] <taken> away by {A}", "the <transport> of {P} by {A}"),
        ("stretcher", "wheelchair", "wheelbarrow"),
    ),
    "Contact:Meet": Act(
        "Participant",
        "Participant",
        company.meet,
        (),
        (
            "{A} <[meets|meet]> {P}",
            "{A} <meeting> {P}",
            "{A} and {P} <meet>",
            "{A} and {P} shake hands as they <meet>",
            "a <meeting> between {A} and {P}",
            "{A} <met> with {P}",
        ),
    ),
    "Contact:Speech": Act(
        "Speaker",
        "Audience",
        company.speech,
        ("address",),
        (
            "{A} <[speaks|speak]> to {P}",
            "{A} <speaking> to {P}",
            "{A} [gives|give] a <speech> to {P}",
            "{P} [listens|listen] to a <speech> by {A}",
            "{P} listening to an <address> by {A}",
            "a <speech> to {P} by {A}",
        ),
        ("microphone", "megaphone"),
        several=True,
    ),
    "Life:Mourn": Act(
        "Mourner",
        "Deceased",
        care.mourn,
        ("mourn",),
        ("{A} in <mourning> for {P}", "the <funeral> of {P}, attended by {A}", "{A} <[grieves|grieve]> over {P}"),
    ),
    "Life:Celebrate": Act(
        "Participant",
        "Honoree",
        company.celebrate,
        ("celebrate", "cheer", "applaud"),
        ("a <celebration> of {P} by {A}", "{A} in <celebration> of {P}"),
    ),
    "Justice:Arrest-Jail": Act(
        "Agent",
        "Person",
        conflict.arrest,
        ("arrest", "detain", "apprehend"),
        ("the <arrest> of {P} by {A}", "{P} under <arrest> by {A}", "{A} [takes|take] {P} into <custody>"),
        ("handcuffs", "rope"),
    ),
    "Justice:Investigate": Act(
        "Agent",
        "Target",
        conflict.investigate,
        ("search", "inspect", "investigate"),
        ("a <search> of {P} by {A}", "{P} [undergoes|undergo] an <inspection> by {A}"),
        ("flashlight", "magnifying glass"),
    ),
    "Transaction:Transfer-Ownership": Act(
        "Giver",
        "Recipient",
        company.hand_over,
        (),
        (
            "{A} <[gives|give]> {T} to {P}",
            "{A} <giving> {P} {T}",
            "{A} <[hands|hand]> {P} {T}",
            "{A} <[presents|present]> {P} with {T}",
            "{P} <[receives|receive]> {T} from {A}",
            "{P} <receiving> {T} from {A}",
            "{P} [is|are] <given> {T} by {A}",
            "the <handover> of {T} by {A} to {P}",
        ),
        thing="Artifact",
        things=("box", "bag", "book", "bouquet", "trophy"),
    ),
    "Medical:Treat": Act(
        "Agent",
        "Patient",
        care.treat,
        ("treat",),
        (
            "{A} [gives|give] first <aid> to {P}",
            "{A} giving medical <treatment> to {P}",
            "{P} [receives|receive] <treatment> from {A}",
            "the <treatment> of {P} by {A}",
        ),
        ("bandage", "stethoscope"),
    ),
    "Medical:Vaccinate": Act(
        "Agent",
        "Patient",
        care.vaccinate,
        ("vaccinate", "inoculate"),
        (
            "the <vaccination> of {P} by {A}",
            "{P} [gets|get] <vaccinated> by {A}",
            "{P} [receives|receive] a <vaccination> from {A}",
        ),
        ("syringe",),
    ),
    "Assist:Rescue": Act(
        "Agent",
        "Person",
        care.rescue,
        ("rescue", "save"),
        ("the <rescue> of {P} by {A}", "{A} [pulls|pull] {P} to safety in a <rescue>"),
        thing="Origin",
        things=("pond", "swamp", "rubble"),
    ),
    "Security:Guard": Act(
        "Agent",
        "Target",
        conflict.guard,
        ("guard", "protect"),
        ("{A} [stands|stand] <guard> over {P}", "{A} standing <guard> over {P}", "{P} under the <protection> of {A}"),
        ("rifle", "shield"),
        several=True,
    ),
    "Hygiene:Clean": Act(
        "Agent",
        "Target",
        care.clean,
        ("wash", "clean", "scrub"),
        ("the <cleaning> of {P} by {A}",),
        ("sponge", "brush", "hose"),
    ),
    "Observe:Look": Act(
        "Agent",
        "Target",
        conflict.look,
        ("watch", "observe"),
        ("{A} <[looks|look]> at {P}", "{A} <looking> at {P}", "{P} [walks|walk] under the <gaze> of {A}"),
    ),
}


@dataclass(frozen=True)
class Noun:
    """How a thing is said: its entity kind, what stands before it, and whether it takes an article."""

    entity: str
    preposition: str = "with"
    counted: bool = True


INSTRUMENTS: dict[str, Noun] = {
    "club": Noun("weapon"),
    "knife": Noun("weapon"),
    "hammer": Noun("object"),
    "placard": Noun("object"),
    "flag": Noun("object"),
    "megaphone": Noun("object", "using"),
    "stretcher": Noun("object", "on"),
    "wheelchair": Noun("object", "in"),
    "wheelbarrow": Noun("object", "in"),
    "microphone": Noun("object", "using"),
    "handcuffs": Noun("object", "using", counted=False),
    "rope": Noun("object", "using"),
    "flashlight": Noun("object"),
    "magnifying glass": Noun("object"),
    "bandage": Noun("object", "using"),
    "stethoscope": Noun("object", "using"),
    "syringe": Noun("object", "using"),
    "rifle": Noun("weapon"),
    "shield": Noun("object"),
    "sponge": Noun("object"),
    "brush": Noun("object"),
    "hose": Noun("object"),
}
THINGS: dict[str, Noun] = {
    "box": Noun("object"),
    "bag": Noun("object"),
    "book": Noun("object"),
    "bouquet": Noun("object"),
    "trophy": Noun("object"),
    "pond": Noun("place", "from"),
    "swamp": Noun("place", "from"),
    "rubble": Noun("object", "from", counted=False),
}


@cache
def wordings(type_: str) -> tuple[str, ...]:
    """All wordings of a type: its own, and each of its verbs in the active, the passive and as a participle."""
    act, found = ACTS[type_], list(ACTS[type_].wordings)
    for verb in act.verbs:
        s, ing, ed, en = (inflected(verb, tag) for tag in ("VBZ", "VBG", "VBD", "VBN"))
        found += [
            f"{{A}} <[{s}|{verb}]> {{P}}",
            f"{{A}} <{ing}> {{P}}",
            f"{{A}} <{ed}> {{P}}",
            f"{{P}} [is|are] <{en}> by {{A}}",
            f"{{P}} being <{en}> by {{A}}",
            f"{{P}} <{en}> by {{A}}",
        ]
    return tuple(found)
