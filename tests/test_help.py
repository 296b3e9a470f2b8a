"""Every stage says what it does, reads and writes when it is asked, and does not run."""

import ast
import runpy
import sys
from pathlib import Path

import pytest
from test_tree import STAGES, files_of


@pytest.mark.parametrize("stage", [*STAGES, "doctor", "page"])
def test_help_is_the_manual_of_the_stage_and_runs_nothing(
    stage: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", [stage, "--help"])
    file = files_of(f"stages.{stage}")[0]
    file = file.with_name("__main__.py") if file.name == "__init__.py" else file
    with pytest.raises(SystemExit) as ended:
        runpy.run_path(str(file), run_name="__main__")
    said = capsys.readouterr().out
    assert ended.value.code == 0
    assert said.startswith(f"usage: python -m stages.{stage} [-h]")
    assert all(line in said for line in str(ast.get_docstring(ast.parse(file.read_text()))).split("\n"))
    for word in ("Reads   ", "Writes  ", f"Run     python -m stages.{stage}"):
        assert word in said
    assert not list(tmp_path.iterdir())
