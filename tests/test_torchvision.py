"""torchvision beside torch: its operators are declared where its library cannot load, and only there."""

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
DECLARE = """
import torch
from extraction._torchvision import declare_missing_operators as declare
print(declare(), hasattr(torch.ops.torchvision, "nms"), hasattr(torch.ops.torchvision, "qnms"), declare())
"""


def python(code, first=None):
    """The last line that a fresh interpreter prints, with the folder `first` ahead on sys.path."""
    path = os.pathsep.join([*([str(first)] if first else []), str(ROOT)])
    run = subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, "PYTHONPATH": path}, cwd=first, capture_output=True, text=True
    )
    assert run.returncode == 0, run.stderr
    return run.stdout.splitlines()[-1]


def fake(folder):
    package = folder / "torchvision"
    package.mkdir()
    (package / "__init__.py").write_text("")
    return package


def test_without_torchvision_nothing_is_declared():
    absent = "import sys; sys.modules['torchvision'] = None"  # Python's own mark of a module that cannot be imported
    assert python(absent + DECLARE) == "False False False False"


def test_beside_a_library_that_loads_nothing_is_declared(tmp_path):
    library = next((Path(find_spec("torch").origin).parent / "lib").glob("libc10.*"), None)
    if library is None or library.suffix != ".so":
        pytest.skip("torch has no libc10.so to stand for a library that loads")
    (fake(tmp_path) / "_C.so").symlink_to(library)
    assert python(DECLARE, tmp_path) == "False False False False"


def test_beside_a_library_that_does_not_load_its_operators_are_declared_once(tmp_path):
    (fake(tmp_path) / "_C.so").write_bytes(b"no library")
    assert python(DECLARE, tmp_path) == "True True True True"


def test_the_declared_operator_can_be_registered_as_torchvision_does(tmp_path):
    (fake(tmp_path) / "_C.so").write_bytes(b"no library")
    code = DECLARE + "from torch import library; "
    code += "library.register_fake('torchvision::nms')(lambda dets, scores, iou: dets); "
    code += "print('done')"
    assert python(code, tmp_path) == "done"


@pytest.mark.skipif(find_spec("torchvision") is None, reason="torchvision is not installed")
def test_the_installed_torchvision_imports_after_the_call_and_operators_are_declared_only_where_it_did_not_before():
    alone = "try:\n  import torchvision\n  print(False)\nexcept RuntimeError:\n  print(True)"
    call = "from extraction._torchvision import declare_missing_operators as declare; made = declare()"
    assert python(f"{call}; import torchvision; print(made)") == python(alone)
