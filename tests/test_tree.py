"""The shape of the project: one name in five places, honest deps, no stage inside another."""

import ast
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parent.parent
PIPELINE = yaml.safe_load((ROOT / "dvc.yaml").read_text())
STAGES = sorted(PIPELINE["stages"])
SETTINGS = {"workers", "store"}  # sections of params.yaml that several stages share


def files_of(module: str) -> list[Path]:
    """The file of a module, or all files of a package."""
    path = ROOT / module.replace(".", "/")
    return sorted(path.glob("*.py")) if path.is_dir() else [path.with_suffix(".py")]


def imported(path: Path) -> set[str]:
    """The modules of this project that a file imports, packages as their modules."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("stages"):
            for name in node.names:
                inner = ROOT / str(node.module).replace(".", "/") / f"{name.name}.py"
                found.add(f"{node.module}.{name.name}" if inner.exists() else str(node.module))
        elif isinstance(node, ast.Import):
            found |= {name.name for name in node.names if name.name.startswith("stages.")}
    return found


def code_of(stage: str) -> set[str]:
    """Every project file that a stage runs: its own and, through them, those of stages/shared."""
    waiting, found = [f"stages.{stage}"], set()
    while waiting:
        for path in files_of(waiting.pop()):
            if path not in found:
                found.add(path)
                waiting += imported(path)
    return {str(path.relative_to(ROOT)) for path in found if path.name != "__init__.py" or path.parent.name == stage}


@pytest.mark.parametrize("stage", STAGES)
def test_one_name_in_five_places(stage: str) -> None:
    assert files_of(f"stages.{stage}")[0].exists()
    assert stage in yaml.safe_load((ROOT / "params.yaml").read_text())
    assert list((ROOT / "tests").glob(f"test_{stage}*.py"))
    outs = [next(iter(out)) if isinstance(out, dict) else out for out in PIPELINE["stages"][stage]["outs"]]
    assert any(Path(out).stem in (stage, f"ltm_{stage}") or stage in Path(out).stem for out in outs)
    assert PIPELINE["stages"][stage]["cmd"] == f"python -m stages.{stage}"


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_depends_on_every_project_file_it_runs(stage: str) -> None:
    listed = {dep for dep in PIPELINE["stages"][stage]["deps"] if dep.endswith(".py")}
    assert listed == code_of(stage)


@pytest.mark.parametrize("stage", [*STAGES, "page"])
def test_no_stage_imports_another(stage: str) -> None:
    others = {file.split("/")[1].removesuffix(".py") for file in code_of(stage)} - {"shared", stage}
    assert not others


def test_every_section_of_params_belongs_to_a_stage() -> None:
    assert set(yaml.safe_load((ROOT / "params.yaml").read_text())) == set(STAGES) | SETTINGS


def test_artifacts_are_outputs_by_literal_paths() -> None:
    outs = {out for stage in PIPELINE["stages"].values() for out in stage["outs"] if isinstance(out, str)}
    for artifact in PIPELINE["artifacts"].values():
        assert any(artifact["path"] == out or artifact["path"].startswith(f"{out}/") for out in outs)


def test_no_module_has_outgrown_itself() -> None:
    long = {
        str(path.relative_to(ROOT)): count for path in (ROOT / "stages").rglob("*.py") if (count := lines(path)) > 350
    }
    assert not long


def lines(path: Path) -> int:
    return len(path.read_text().splitlines())
