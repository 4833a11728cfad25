"""Any open_clip model by name, and folders of models that plain open_clip loads."""

import json
import logging
import os
import shutil
from collections.abc import Callable, Iterable, Sequence
from copy import deepcopy
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from pathlib import Path
from typing import Any, cast

import torch
from huggingface_hub import HfApi, constants, try_to_load_from_cache
from huggingface_hub.errors import RepositoryNotFoundError
from PIL.Image import Image
from safetensors.torch import save_file
from torch import Tensor, nn

from clip_event.towers._open_clip import open_clip
from clip_event.towers.crops import ByteCrop
from clip_event.towers.files import CALIBRATION, EVENT_CONFIG, PROMPT
from clip_event.towers.prompt import Prompt, read_prompt, write_prompt
from clip_event.towers.texts import Tokenizer, full_length

PRECISIONS = ("fp32", "bf16", "fp16", "pure_bf16", "pure_fp16")
CONFIG = open_clip.constants.HF_CONFIG_NAME
WEIGHTS = open_clip.constants.HF_SAFE_WEIGHTS_NAME
OLD_WEIGHTS = open_clip.constants.HF_WEIGHTS_NAME
MINI = Path(__file__).parents[1] / "mini"  # see its MODEL_CARD.md
TIMEOUT = 5.0  # seconds that the hub has for its first answer

Transform = Callable[[Image], Tensor]


class ModelError(ValueError):
    """A model that cannot be loaded or saved, with the reason and what to do."""


@dataclass(frozen=True)
class Loaded:
    """A model with what it needs to be used, trained and saved.

    Attributes:
        model: CLIP, CustomTextCLIP or CoCa, in evaluation mode.
        tokenizer: texts to (texts, context) token ids.
        preprocess_train, preprocess_val: an image to (3, height, width).
        config: open_clip's `model_cfg`.
        full_length: why texts run at full length (`texts.full_length`), None where they run short.
        prompt: what was learned to be put in front of every text, for `texts.encode_texts`; None where nothing was.
    """

    model: nn.Module
    tokenizer: Tokenizer
    preprocess_train: Transform
    preprocess_val: Transform
    config: dict[str, Any]
    full_length: str | None
    prompt: Prompt | None = None


def load(
    name: str,
    device: str | torch.device = "cpu",
    precision: str = "fp32",
    *,
    random: int | None = None,
    augmentation: dict[str, Any] | None = None,
) -> Loaded:
    """Load an open_clip model. Weights are read as safetensors or with `weights_only`; no code comes with them.

    Args:
        name: `ViT-B-32/laion2b_s34b_b79k` (a model and one of its tags, or a file of weights), `hf-hub:owner/name`,
            a folder, with `local-dir:` before it or without, or `mini`, the small model that comes with the package.
            A learned prompt is read from folders alone.
        precision: of the weights; one of `PRECISIONS`.
        random: seed of random weights, to start from instead of loading any, and without a prompt.
        augmentation: open_clip's `AugmentationCfg` for `preprocess_train`.

    Raises:
        ModelError: there is no such model (with names near it), its files cannot be had, or they do not fit.
    """
    if precision not in PRECISIONS:
        raise ModelError(f"no precision {precision!r}: it is one of {', '.join(PRECISIONS)}")
    try:
        model, tokenizer, config = _create(name, device, precision, random)
        reason = full_length(model, tokenizer)
        prompt = _prompt(name, model, tokenizer) if random is None else None
    except ModelError:
        raise
    except Exception as error:  # open_clip, the hub, timm and transformers each raise their own
        first = str(error).strip().split("\n")[0]
        raise ModelError(f"cannot load {name!r}: {first or type(error).__name__}") from error
    preprocess = open_clip.transform.PreprocessCfg(**cast(Any, model).visual.preprocess_cfg)
    train = open_clip.transform.image_transform_v2(preprocess, is_train=True, aug_cfg=augmentation)
    return Loaded(
        model=model,
        tokenizer=tokenizer,
        preprocess_train=ByteCrop(train) if ByteCrop.fits(train) else train,
        preprocess_val=open_clip.transform.image_transform_v2(preprocess, is_train=False),
        config=config,
        full_length=reason,
        prompt=prompt,
    )


def save(folder: str | Path, loaded: Loaded, event_config: dict[str, Any]) -> None:
    """Write a model as a folder for `load` and for open_clip's own `local-dir:FOLDER`, with the network off.

    A new folder appears whole or not at all. In a folder that holds a model already, or an event_config.json, the
    files of the model are replaced, each as a whole, its prompt and calibration go, and others stay as they are. A
    Hugging Face text tower is the exception to "network off": open_clip reads its configuration from the hub, or from
    the hub's cache. Open_clip does not read the prompt.

    Args:
        loaded: as loaded; `model` may have been trained since, with LoRA merged.
        event_config: how it was trained; what JSON can hold.

    Raises:
        ModelError: LoRA is not merged, the tokenizer is none that can be saved, or the folder holds something else.
    """
    folder = Path(folder).resolve()
    tensors = {name: tensor.detach().cpu().clone().contiguous() for name, tensor in loaded.model.state_dict().items()}
    if any(".lora_" in name for name in tensors):
        raise ModelError(f"cannot save {folder}: call trainable.merge first, so that plain open_clip finds its weights")
    if not isinstance(loaded.tokenizer, open_clip.tokenizer.HFTokenizer | open_clip.tokenizer.SimpleTokenizer):
        raise ModelError(f"cannot save {folder}: open_clip could not load a {type(loaded.tokenizer).__name__} from it")
    there = {path.name for path in folder.iterdir()} if folder.is_dir() else set()
    if folder.is_file() or (there and not there & {CONFIG, EVENT_CONFIG}):
        raise ModelError(f"cannot save {folder}: it is there and is no model's folder; name another or empty it")
    preprocess = cast(Any, loaded.model).visual.preprocess_cfg
    partial = folder.with_name(folder.name + ".partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    try:
        save_file(tensors, partial / WEIGHTS, metadata={"format": "pt"})
        if isinstance(loaded.tokenizer, open_clip.tokenizer.HFTokenizer):
            _save_tokenizer(loaded.tokenizer, partial)
        if loaded.prompt is not None:
            write_prompt(partial / PROMPT, loaded.prompt)
        _write(partial / EVENT_CONFIG, event_config)
        _write(partial / CONFIG, {"model_cfg": loaded.config, "preprocess_cfg": preprocess})
        if there:
            for path in partial.iterdir():
                os.replace(path, folder / path.name)
            for name in [CALIBRATION] if loaded.prompt else [CALIBRATION, PROMPT]:  # an older model's
                (folder / name).unlink(missing_ok=True)
        else:
            if folder.is_dir():
                folder.rmdir()
            os.replace(partial, folder)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _create(
    name: str, device: str | torch.device, precision: str, random: int | None
) -> tuple[nn.Module, Tokenizer, dict[str, Any]]:
    source, tag = _find(name)
    schema = open_clip.factory.parse_model_name(source)[0]
    if random is not None:
        tag = None
    elif tag is None and schema is None:
        tags = ", ".join(open_clip.list_pretrained_tags_by_model(source)) or "none, it has none"
        raise ModelError(f"{name!r} names no weights: add a tag, as in {source}/TAG, of {tags}")
    config = _config(source)
    pretrained = open_clip.get_pretrained_cfg(source, tag) if tag else {}
    if pretrained.get("quick_gelu"):  # else open_clip only warns, and runs the weights with another activation
        config["quick_gelu"] = True
    _check_files(source, config, pretrained, weights=random is None)
    # said here, because a model's configuration can ask for remote code
    options = {"trust_remote_code": False} if config["text_cfg"].get("hf_tokenizer_name") else {}
    tokenizer = open_clip.get_tokenizer(source, **options)
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(random or 0)
        model = open_clip.create_model(
            source,
            tag,
            precision=precision,
            device=device,
            load_weights=random is None,
            require_pretrained=random is None,
            pretrained_text=False,
            force_quick_gelu=config.get("quick_gelu", False),
        )
    return model.eval(), tokenizer, config


def _find(name: str) -> tuple[str, str | None]:
    """open_clip's name of a model, and the tag or file of its weights."""
    if name == "mini":
        _say_terms()
        return f"local-dir:{MINI}", None
    schema, _ = open_clip.factory.parse_model_name(name)
    if schema is not None:
        return name, None
    if (Path(name) / CONFIG).is_file():
        return f"local-dir:{name}", None
    models, parts = open_clip.list_models(), name.split("/")
    for cut in range(len(parts), 0, -1):  # models are also written ViT-B/32
        model, tag = "-".join(parts[:cut]), "/".join(parts[cut:])
        if model in models:
            tags = open_clip.list_pretrained_tags_by_model(model)
            if tag and not open_clip.is_pretrained_cfg(model, tag) and not Path(tag).is_file():
                raise ModelError(f"{model} has no weights {tag!r}; {_near(tag, tags, 'it has ' + ', '.join(tags))}")
            return model, tag or None
    forms = f"see open_clip.list_models(), or give hf-hub:owner/name or a folder with {CONFIG}"
    raise ModelError(f"no model {parts[0]!r}; {_near(parts[0], ['mini', *models], forms)}")


def _prompt(name: str, model: nn.Module, tokenizer: Tokenizer) -> Prompt | None:
    schema, place = open_clip.factory.parse_model_name(_find(name)[0])
    path = Path(place) / PROMPT
    return read_prompt(path, model, tokenizer) if schema == "local-dir" and path.is_file() else None


@cache
def _say_terms() -> None:
    """Once a process."""
    logging.getLogger(__name__).warning(
        "mini was learnt from photographs that are for research only (Flickr8k): its terms stand in %s",
        MINI / "LICENSE",
    )


def _near(name: str, names: Iterable[str], otherwise: str) -> str:
    lower = {other.lower(): other for other in names}
    near = [lower[other] for other in get_close_matches(name.lower(), lower)]
    return f"did you mean {' or '.join(near)}?" if near else otherwise


def _config(source: str) -> dict[str, Any]:
    schema, place = open_clip.factory.parse_model_name(source)
    if schema == "hf-hub":
        check_hub(place, [CONFIG])
    config = deepcopy(open_clip.get_model_config(source))
    if not config or not {"embed_dim", "vision_cfg", "text_cfg"} <= config.keys():
        raise ModelError(f"{source}: {CONFIG} holds no model_cfg with embed_dim, vision_cfg and text_cfg")
    return cast(dict[str, Any], config)


def _check_files(source: str, config: dict[str, Any], pretrained: dict[str, Any], weights: bool) -> None:
    """Refuse at once what could not be downloaded, and what would bring code."""
    schema, place = open_clip.factory.parse_model_name(source)
    repository, _, file = pretrained.get("hf_hub", "").rpartition("/")
    if schema == "hf-hub":
        repository = place
    if weights and repository:
        names = [file, Path(file).with_suffix(".safetensors").name] if file else [WEIGHTS, OLD_WEIGHTS]
        check_hub(repository, names)
    if tower := config["text_cfg"].get("hf_model_name"):
        from transformers import AutoConfig

        check_hub(tower, ["config.json"])
        AutoConfig.from_pretrained(tower, trust_remote_code=False)  # refuses where open_clip would ask
    tokenizer = config["text_cfg"].get("hf_tokenizer_name")
    if tokenizer and schema != "local-dir":
        check_hub(tokenizer, ["tokenizer_config.json", "tokenizer.json"])


def check_hub(repository: str, files: Sequence[str]) -> None:
    """Refuse files that are not in the cache when the hub does not answer; open_clip would go on trying for long."""
    if Path(repository).exists() or any(isinstance(try_to_load_from_cache(repository, file), str) for file in files):
        return
    missing = f"{files[0]} of {repository} is not in the cache {constants.HF_HUB_CACHE}"
    try:
        HfApi().model_info(repository, timeout=TIMEOUT)
    except RepositoryNotFoundError:
        raise ModelError(
            f"{missing}, and {constants.ENDPOINT} has no such repository, or it is private: see `hf auth login`"
        ) from None
    except Exception as error:
        why = (
            "HF_HUB_OFFLINE is set" if constants.HF_HUB_OFFLINE else f"{constants.ENDPOINT} cannot be reached ({error})"
        )
        raise ModelError(
            f"{missing}, and {why}; connect, name a folder, or take mini, which needs no network"
        ) from error


def _save_tokenizer(tokenizer: Any, folder: Path) -> None:
    tokenizer.save_pretrained(folder)
    path = folder / "tokenizer_config.json"
    config = json.loads(path.read_text(encoding="utf-8"))
    if config.get("tokenizer_class") == "TokenizersBackend":  # transformers 5; 4 knows it by the name that 5 also takes
        _write(path, {**config, "tokenizer_class": "PreTrainedTokenizerFast"})


def _write(path: Path, data: dict[str, Any]) -> None:
    path.write_text(json.dumps(data, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
