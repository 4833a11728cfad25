"""Small random models of every tower class of open_clip, and a WordPiece tokenizer, with nothing downloaded."""

from pathlib import Path

import torch
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors, trainers

from clip_event.towers._open_clip import open_clip

DIMENSION, CONTEXT, VOCABULARY = 16, 40, 400
VISION = {"image_size": 32, "layers": 2, "width": 32, "head_width": 16, "patch_size": 8}
SIZE = {"vocab_size": VOCABULARY, "context_length": CONTEXT, "width": 32, "heads": 2, "layers": 2}
WORDPIECE = {"pool_type": "eos", "eos_id": 3}
TEXT_TOWERS = {
    "clip": SIZE | {"vocab_size": 49408, "context_length": 77},
    "mini": SIZE | WORDPIECE | {"hf_tokenizer_name": "mini"},
    "custom": SIZE | WORDPIECE,
    "coca": SIZE | {"embed_cls": True, "output_tokens": True},
    "siglip": SIZE | {"no_causal_mask": True, "pool_type": "last", "proj_bias": True},
    "clipa": SIZE | {"no_causal_mask": True, "pool_type": "last"},
}
COCA = {"attentional_pool": True, "attn_pooler_heads": 2, "output_tokens": True}
POSITIONS = {"vocab_size": VOCABULARY, "pad_token_id": 0, "max_position_embeddings": 64}
BERT = POSITIONS | {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64}
BERT |= {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0}
HUGGING_FACE = ("bert", "roberta", "t5", "m2m")
TEXTS = (
    "police arrest a man",
    "Two officers in black uniforms lead a handcuffed protester away from the parliament in Athens.",
    "a man",
    "police arrest a man",
    "Rescue workers carry an injured woman on a stretcher out of the rubble of a collapsed building, " * 6,
    "",
)


def seeded(make):
    """Make a model from torch's seed 0, without moving the global generator."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return make().eval()


def native(kind="mini", vision=VISION):
    """A model with open_clip's own text tower; all but "clip" read WordPiece tokens."""
    config = {"embed_dim": DIMENSION, "vision_cfg": dict(vision), "text_cfg": dict(TEXT_TOWERS[kind])}
    if kind == "coca":
        config["vision_cfg"] |= COCA
        config["multimodal_cfg"] = {"context_length": CONTEXT, "width": 32, "heads": 2, "layers": 1}
        return seeded(lambda: scaled(open_clip.CoCa(**config)))
    make = open_clip.CLIP if kind in ("clip", "mini", "clipa") else open_clip.CustomTextCLIP
    return seeded(lambda: scaled(make(**config)))


def scaled(model):
    """First positions are too small to matter; towers must not agree for that reason."""
    text = getattr(model, "text", model)
    torch.nn.init.normal_(text.positional_embedding, std=0.3)
    torch.nn.init.normal_(text.token_embedding.weight, std=0.3)
    if hasattr(model, "text_decoder"):  # open_clip leaves this one without first values
        torch.nn.init.normal_(model.text_decoder.text_projection)
    return model


def image_tower(name, pool="avg", projection="linear"):
    """A model with a timm image tower."""
    timm = {"timm_model_name": name, "timm_pool": pool, "timm_proj": projection, "timm_model_pretrained": False}
    return native("custom", timm | {"image_size": 160})


def resnet():
    return native(vision={"image_size": 64, "layers": [1, 1, 1, 1], "width": 8, "head_width": 16, "patch_size": None})


def bert():
    from transformers import BertConfig

    return BertConfig(**BERT)


def hugging_face(kind):
    """A model with a Hugging Face text tower without dropout, built from a configuration alone."""
    import transformers as hf

    t5 = {"vocab_size": VOCABULARY, "d_model": 32, "d_kv": 16, "d_ff": 64, "num_layers": 2, "num_heads": 2}
    m2m = POSITIONS | {"encoder_layers": 2, "encoder_attention_heads": 2, "encoder_ffn_dim": 64, "decoder_layers": 1}
    m2m |= {"d_model": 32, "dropout": 0.0, "attention_dropout": 0.0, "encoder_layerdrop": 0.0}
    config, pooler = {
        "bert": (bert, "cls_pooler"),
        "roberta": (lambda: hf.RobertaConfig(**BERT), "mean_pooler"),
        "t5": (lambda: hf.MT5Config(**t5, dropout_rate=0.0), "mean_pooler"),
        "m2m": (lambda: hf.M2M100Config(**m2m), "cls_pooler"),
    }[kind]

    def make():
        tower = open_clip.hf_model.HFTextEncoder("", DIMENSION, config=config(), pooler_type=pooler, proj_type="mlp")
        if kind in ("t5", "m2m"):  # as open_clip does by name
            tower.transformer = tower.transformer.encoder
        if kind == "roberta":  # as it does too, for a tower that does not pool at the class token
            tower.transformer.pooler = None
        model = open_clip.CustomTextCLIP(DIMENSION, VISION, SIZE)
        model.text = tower
        return model

    return seeded(make)


def wordpiece(folder: Path, texts=TEXTS):
    """A WordPiece tokenizer trained on a few texts and written to the folder: 0 pads, 2 starts and 3 ends a text."""
    from transformers import PreTrainedTokenizerFast

    special = {"pad_token": "[PAD]", "unk_token": "[UNK]", "cls_token": "[CLS]", "sep_token": "[SEP]"}
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    trainer = trainers.WordPieceTrainer(
        vocab_size=VOCABULARY, special_tokens=list(special.values()), show_progress=False
    )
    tokenizer.train_from_iterator(texts, trainer)
    tokenizer.post_processor = processors.TemplateProcessing(
        "[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token="[SEP]", **special).save_pretrained(folder)
    return open_clip.tokenizer.HFTokenizer(str(folder), context_length=CONTEXT)
