"""What the user still has to bring for a rung."""

import shutil
import sys
from pathlib import Path

import pytest
from test_bookmap import LIBRARY, project, put, shelf

from stages.bookmap.__main__ import main
from stages.shared.errors import UserError

__all__ = ["project"]  # a fixture


def needs(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *arguments: str) -> list[str]:
    monkeypatch.setattr(sys, "argv", ["bookmap", "--needs", *arguments])
    capsys.readouterr()
    main()
    monkeypatch.setattr(sys, "argv", ["bookmap"])
    return capsys.readouterr().out.splitlines()


def test_the_core_is_needed_by_title_and_author(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    put("user/core-002.pdf")
    put("pg/1497/1497.epub")
    lines = needs(monkeypatch, capsys, "100")
    assert lines[0] == "bookmap: rung 100, the first 100 books of the bookmap: 2 here, 98 not"
    assert lines[1].startswith("44 have no free edition; bring each as data/library/user/ID.epub")
    assert "  core-013  Being and Time, Martin Heidegger (de)" in lines
    assert "  core-003  The Enneads, Plotinus (en): 42930, 42931, 42932, 42933" in lines
    assert not [line for line in lines if "core-002" in line or "core-033" in line]


def test_the_list_of_files_is_plain_and_holds_what_is_missing(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    put("pg/42931/pg42931-images-3.epub")
    lines = needs(monkeypatch, capsys, "3", "--files")
    assert lines == [f"{number}/pg{number}.epub" for number in (67097, 42930, 42932, 42933)]


def test_without_a_rung_the_whole_bookmap_is_meant(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = needs(monkeypatch, capsys, "--files")
    assert len(lines) == len(set(lines)) > 10_000
    assert "first 10000 books" in needs(monkeypatch, capsys)[0]


def test_a_smaller_rung_needs_a_part_of_a_larger_one(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    small, large = (needs(monkeypatch, capsys, rung, "--files") for rung in ("3000", "9000"))
    assert large[: len(small)] == small


def test_what_the_list_brings_stands_on_the_shelf(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    mirror = project / "mirror"
    for name in needs(monkeypatch, capsys, "9", "--files"):
        (mirror / name).parent.mkdir(parents=True)
        (mirror / name).write_text(name)
    shutil.copytree(mirror, LIBRARY / "pg")  # as rsync does
    assert list(shelf()) == ["core-001", "core-003", "core-004", "core-008", "core-009"]
    assert needs(monkeypatch, capsys, "9", "--files") == []


def test_another_name_of_the_mirror_can_be_asked_for(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert needs(monkeypatch, capsys, "1", "--files", "{id}/pg{id}-images-3.epub") == ["67097/pg67097-images-3.epub"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["0"], "--needs is 0; the bookmap has 10000 books, give a number from 1 to 10000"),
        (["10001"], "--needs is 10001;"),
        (["many"], "--needs is many;"),
        (["9", "--files", "pg.epub"], "--files is 'pg.epub'; write a relative name with {id} in it"),
        (["9", "--files", "/{id}"], "--files is '/{id}'"),
    ],
)
def test_a_wrong_rung_or_name_is_told(
    project: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    words: str,
) -> None:
    with pytest.raises(UserError) as caught:
        needs(monkeypatch, capsys, *arguments)
    assert words in str(caught.value)


def test_files_without_needs_is_told(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["bookmap", "--files"])
    with pytest.raises(UserError, match="--files goes with --needs"):
        main()
