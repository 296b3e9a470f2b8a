"""No book, no output of DVC's and no key is in git, and what would put one there is told."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import ROOT, prose, run

from stages.doctor.leaks import find_leaks


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A repository with a book's text on the machine and nothing of it in git."""
    run(tmp_path, "git", "init", "-q")
    for name in ("dvc.yaml", ".gitignore", "data/.gitignore", ".dvc/.gitignore"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    (tmp_path / "data/extract").mkdir()
    (tmp_path / "data/extract/one.jsonl").write_text(json.dumps({"index": 0, "text": prose(9, 1)[0]}) + "\n")
    run(tmp_path, "git", "add", "-A")
    assert find_leaks(tmp_path) == []
    return tmp_path


def put(project: Path, name: str, content: bytes) -> list[str]:
    """What is told once a file is forced into git's index."""
    (project / name).parent.mkdir(parents=True, exist_ok=True)
    (project / name).write_bytes(content)
    run(project, "git", "add", "-f", name)
    return find_leaks(project)


def test_this_repository_holds_no_book_and_no_key() -> None:
    assert find_leaks(ROOT) == []


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("notes/book.epub", b"anything", "it ends in .epub"),
        ("notes/scan", b"%PDF-1.7", "it is a PDF"),
        ("notes/zip", b"PK\x03\x04" + b"\0" * 26 + b"mimetypeapplication/epub+zip", "it is an EPUB"),
        ("adapter.safetensors", b"\0", "it ends in .safetensors"),
        ("data/scenes/one.yaml", b"scenes: []", "DVC keeps it, git must not"),
        ("data/library/a/b.txt", b"A text.", "DVC keeps it, git must not"),
        (".dvc/config.local", b"[core]", "DVC keeps it, git must not"),
        (".dvc/config", b"['remote \"s\"']\n    secret_access_key = abc", "line 2 looks like a key"),
        ("id", b"-----BEGIN OPENSSH PRIVATE" + b" KEY-----", "line 1 looks like a key"),
    ],
)
def test_what_must_not_reach_git_is_named(project: Path, name: str, content: bytes, said: str) -> None:
    assert put(project, name, content) == [f"{name}: {said}"]


def test_a_text_that_quotes_a_book_of_this_machine_is_named(project: Path) -> None:
    words = prose(9, 1)[0].split()
    assert put(project, "fine.md", " ".join(words[5:22]).encode()) == []
    (told,) = put(project, "page.md", f"As he says: {' '.join(words[5:35]).upper()}".encode())
    assert told.startswith("page.md: it quotes data/extract/one.jsonl")


@pytest.fixture
def hooked(project: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The repository with the hooks that `make demo` switches on, and a remote."""
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    (project / ".venv").symlink_to(sys.prefix)
    for name, value in (("user.name", "A"), ("user.email", "a@b.c"), ("core.hooksPath", str(ROOT / ".ci/hooks"))):
        run(project, "git", "config", name, value)
    run(project, "git", "init", "-q", "--bare", "elsewhere.git")
    run(project, "git", "commit", "-qm", "A study")
    return project


def refused(project: Path, *command: str) -> str:
    """What git says where a hook has stopped it."""
    answer = subprocess.run(["git", *command], cwd=project, capture_output=True, text=True, check=False)
    assert answer.returncode == 1, answer
    return answer.stdout + answer.stderr


def test_a_commit_with_a_book_is_refused_and_one_without_is_not(hooked: Path) -> None:
    assert put(hooked, "notes/book.epub", b"anything")
    assert "notes/book.epub: it ends in .epub" in refused(hooked, "commit", "-qm", "A book")
    run(hooked, "git", "rm", "-qf", "--cached", "notes/book.epub")
    assert put(hooked, "notes/about.md", b"A thought of one's own.") == []
    run(hooked, "git", "commit", "-qm", "A thought")


def test_a_push_of_what_quotes_a_book_is_refused(hooked: Path) -> None:
    run(hooked, "git", "push", "-q", "elsewhere.git", "HEAD:refs/heads/main")
    assert put(hooked, "page.md", " ".join(prose(9, 1)[0].split()[5:35]).encode())
    run(hooked, "git", "commit", "-qm", "A page")
    assert "page.md: it quotes data/extract/one.jsonl" in refused(
        hooked, "push", "-q", "elsewhere.git", "HEAD:refs/heads/main"
    )
