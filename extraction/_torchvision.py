"""torchvision beside a CPU-only torch.

torchvision's published wheel is built for CUDA. Beside a CPU-only torch its library does not load, its operators are
then unknown, and `import torchvision` fails with "operator torchvision::nms does not exist", and with it open_clip,
timm, peft, torchmetrics and transformers' models. Declaring the operators is enough for the import; nobody calls them.
"""

from importlib.util import find_spec
from pathlib import Path
from typing import Any

MISSING = ("nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
           "qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")  # fmt: skip
_declared: list[Any] = []


def library_loads() -> bool:
    """Whether torchvision's compiled operators can be had; true where there is no torchvision at all."""
    import torch

    spec = find_spec("torchvision")
    if spec is None or spec.submodule_search_locations is None:
        return True
    for folder in spec.submodule_search_locations:
        for library in sorted(Path(folder).glob("_C*.so")) + sorted(Path(folder).glob("_C*.pyd")):
            try:
                torch.ops.load_library(str(library))
            except OSError:
                return False
            return True
    return False


def declare_missing_operators() -> bool:
    """Declare `nms` and `qnms` where torchvision's library cannot load; call before importing what needs torchvision.

    Returns:
        True where they were declared, False on a healthy install, where nothing is done.
    """
    from torch import library

    if _declared:
        return True
    if library_loads():
        return False
    operators = library.Library("torchvision", "FRAGMENT")
    for schema in MISSING:
        operators.define(schema)
    _declared.append(operators)
    return True
