"""The pages of docs/: their links lead somewhere, their commands exist, and the worked examples work."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest
from conftest import ROOT, prose, run

from stages.shared.records import ShelfBook, read_csv, read_paragraphs

PAGES = sorted([*ROOT.glob("docs/*.md"), *ROOT.glob("*.md")])
BOOK = """<?xml version="1.0" encoding="utf-8"?>
<FictionBook xmlns="http://www.gribuser.ru/xml/fictionbook/2.0">
<description><title-info><book-title>A Book</book-title></title-info></description>
<body><section><title><p>One</p></title>{}</section></body></FictionBook>
"""


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_of_a_page_leads_to_a_file(page: Path) -> None:
    words = re.sub(r"```.*?```", "", page.read_text(), flags=re.DOTALL)
    targets = re.findall(r"\]\(([^)#\s]+)[^)]*\)", words)
    assert not [one for one in targets if "://" not in one and not (page.parent / one).exists()]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_command_of_a_page_names_a_module_and_params_that_exist(page: Path) -> None:
    text = page.read_text()
    for name in re.findall(r"python -m ((?:stages|benchmarks)[\w.]*\w)", text):
        path = ROOT / name.replace(".", "/")
        assert path.with_suffix(".py").exists() or (path / "__main__.py").exists() or name.endswith((".X", ".NAME"))
    params = (ROOT / "params.yaml").read_text()
    for section, key in re.findall(r"-S '?([a-z]+)\.([a-z_]+)", text):
        assert re.search(rf"^{section}:\n(?:^[ #].*\n|\n)*?  {key}:", params, re.MULTILINE), f"{section}.{key}"


def test_the_page_about_the_report_knows_every_part_of_it() -> None:
    parts = re.findall(r"^## (.*)$", (ROOT / "metrics/ltm_layers_of_saturation.md").read_text(), re.MULTILINE)
    rows = re.findall(r"^\| ([A-Z][^|]*?)\??(?: \?)? \|", (ROOT / "docs/report.md").read_text(), re.MULTILINE)
    assert parts
    assert not [part for part in parts if not any(part.startswith(row) for row in rows)]


def patched(study: Path, folder: Path, number: int) -> Path:
    """The finished study with one of the two patches of docs/extending.md."""
    project = shutil.copytree(study, folder / "study", symlinks=True)
    patch = re.findall(r"```diff\n(.*?)```", (ROOT / "docs/extending.md").read_text(), re.DOTALL)[number]
    applied = subprocess.run(["git", "apply", "-C1"], input=patch, cwd=project, text=True, capture_output=True)
    assert applied.returncode == 0, applied.stderr
    return project


def test_the_reader_of_the_example_reads_a_book_through_the_pipeline(study: Path, tmp_path: Path) -> None:
    project = patched(study, tmp_path, 0)
    paragraphs = [" ".join(f"{word}er" for word in text.split()) for text in prose(71, 60)]
    content = BOOK.format("".join(f"<p>{text}</p>" for text in paragraphs))
    (project / "data/library/new.fb2").write_text(content)
    for stage, *options in (
        ("bookmap", "--add", "data/library/new.fb2", "--language", "en"),
        ("bookmap",),
        ("extract",),
    ):
        run(project, "python", "-m", f"stages.{stage}", *options)
    (book,) = (book for book in read_csv(project / "data/shelf.csv", ShelfBook) if book.format == "fb2")
    read = read_paragraphs(project / f"data/extract/{book.book_id}.jsonl")
    assert [one.text for one in read] == ["One", *paragraphs]
    assert {one.chapter for one in read} == {"One"}


def test_the_score_of_the_example_is_told_for_an_adapter(study: Path, tmp_path: Path) -> None:
    project = patched(study, tmp_path, 1)
    said = run(project, "python", "-m", "stages.evaluate", "--adapter", "data/train/tiered-real-d0-i0/00003")
    assert re.search(r"support of an explanation, en, random +-?\d\.\d{4} \[", said)
