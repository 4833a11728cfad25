"""The WordPiece vocabulary of `mini`, from captions of photographs and from texts of our own.

It was made once and is kept beside the weights: the trainer breaks ties by chance, so that a few
of the rarest pieces come out otherwise each time.
"""

import json
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors, trainers
from transformers import PreTrainedTokenizerFast

from clip_event.scenes import SPLITS, plan
from clip_event.scenes.captions import tell
from templates.ontology import load_ontology

SPECIAL = {"pad_token": "[PAD]", "unk_token": "[UNK]", "cls_token": "[CLS]", "sep_token": "[SEP]"}
SCENES = 4000
INVENTED = Path(__file__).parents[2] / "extraction/training/data/written.jsonl"


def vocabulary_texts() -> Iterator[str]:
    """Captions of scenes, the sentences, gerunds and roles of the news ontology, and captions invented for the reader.

    The last are in the repository and not in the package: made news in news words, so that a real caption is cut into
    few pieces.
    """
    for split in SPLITS:
        yield from (tell(plan(index, split=split)).text for index in range(0, 2 * SCENES, 2))
    for event in load_ontology().events.values():
        yield f"a photo of {event.gerund} someone"
        yield from (re.sub(r"[\[\]{}<>]", "", sentence) for sentence in event.sentences)
        yield from (f"The {role} is" for role in event.roles)
    with INVENTED.open(encoding="utf-8") as lines:
        yield from (json.loads(line)["caption"] for line in lines)


def train_tokenizer(texts: Iterable[str], size: int) -> PreTrainedTokenizerFast:
    """A WordPiece tokenizer of lower-cased texts; 0 pads, 1 is unknown, 2 starts and 3 ends a text."""
    tokenizer = Tokenizer(models.WordPiece(unk_token=SPECIAL["unk_token"]))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    trainer = trainers.WordPieceTrainer(vocab_size=size, special_tokens=list(SPECIAL.values()), show_progress=False)
    tokenizer.train_from_iterator(texts, trainer)
    tokenizer.post_processor = processors.TemplateProcessing(
        "[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token=SPECIAL["sep_token"], **SPECIAL)
