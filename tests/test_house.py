"""The house: imports run down only, and importing or asking for help stays cheap."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
FLOORS = ["templates", "extraction", "clip_event"]
ROOMS = [
    "sealed",
    "written",
    "scenes",
    "pictures",
    "towers",
    "descriptions",
    "page",
    "data",
    "tuning",
    "zeroshot",
    "evaluation",
    "calibrating",
    "training",
    "commands",
    "demo",
    "cli",
]
"""What `clip_event` is made of, from the ground up."""
HEAVY = ["torch", "spacy", "transformers", "datasets", "networkx", "lemminflect", "open_clip", "ray"]


def imported(path: Path) -> set[str]:
    """Full names of modules, and of what is taken from them."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


@pytest.mark.parametrize("floor", range(3))
def test_imports_run_down_only(floor: int) -> None:
    above = set(FLOORS[floor + 1 :])
    for path in (ROOT / FLOORS[floor]).rglob("*.py"):
        assert not {name.split(".")[0] for name in imported(path)} & above, path


def test_rooms_import_down_only() -> None:
    package = ROOT / "clip_event"
    parts = {path.stem for path in package.iterdir() if path.suffix == ".py" or list(path.glob("*.py"))}
    assert parts - {"__init__"} == set(ROOMS)
    for number, room in enumerate(ROOMS):
        above = {f"clip_event.{one}" for one in ROOMS[number + 1 :]}
        for path in [package / f"{room}.py", *(package / room).rglob("*.py")]:
            found = imported(path) if path.exists() else set()
            assert not {name for name in found if ".".join(name.split(".")[:2]) in above}, path


@pytest.mark.parametrize(
    "code", ["import clip_event", "from clip_event.cli import app", "import extraction, templates"]
)
def test_importing_loads_nothing_heavy(code: str) -> None:
    check = f"{code}\nimport sys\nprint([name for name in {HEAVY} if name in sys.modules])"
    out = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, check=True, cwd=ROOT)
    assert out.stdout.strip() == "[]"


def test_every_public_name_is_there() -> None:
    import clip_event
    import extraction

    for name in clip_event.__all__:
        assert getattr(clip_event, name) is not None
    assert clip_event.score is extraction.score


def test_no_public_name_is_hidden_by_a_module() -> None:
    """Importing `clip_event.x` makes the module the package's `x`."""
    import clip_event

    modules = {path.stem for path in (ROOT / "clip_event").iterdir()}
    assert not modules & set(clip_event.__all__)


def test_type_checkers_see_every_public_name() -> None:
    tree = ast.parse((ROOT / "clip_event" / "__init__.py").read_text())
    (block,) = (node for node in tree.body if isinstance(node, ast.If))
    imports = [node for node in block.body if isinstance(node, ast.ImportFrom)]
    seen = {alias.name: node.module for node in imports for alias in node.names}
    import clip_event

    assert sorted(seen) == sorted(clip_event.__all__)
    assert seen == {name: clip_event._HOME.get(name, "templates") for name in seen}


def test_another_projects_package_of_the_same_name_is_named(tmp_path: Path) -> None:
    (tmp_path / "templates").mkdir()
    (tmp_path / "templates" / "__init__.py").write_text("")
    code = f"import sys; sys.path.insert(0, {str(tmp_path)!r}); import clip_event"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "ImportError" in done.stderr
    assert str(tmp_path / "templates") in done.stderr


def test_no_file_is_longer_than_300_lines() -> None:
    for floor in FLOORS:
        for path in (ROOT / floor).rglob("*.py"):
            assert len(path.read_text(encoding="utf-8").splitlines()) <= 320, path
