"""What must not reach git: files of books and models, outputs that DVC keeps, keys, and text of books."""

import json
import re
import subprocess
from collections.abc import Iterable, Iterator
from pathlib import Path

import yaml

from stages.shared.errors import UserError

BOOKS = {".azw", ".azw3", ".djvu", ".epub", ".fb2", ".mobi", ".pdf"}
MODELS = {".bin", ".gguf", ".npz", ".parquet", ".pt", ".safetensors"}
BEGINNINGS = {b"%PDF-": "a PDF", b"GGUF": "a model", b"PAR1": "a table of scores"}
INSIDE = {b"mimetypeapplication/epub+zip": "an EPUB", b"BOOKMOBI": "a Kindle book"}  # in its first hundred bytes
KEYS = re.compile(
    rb"-----BEGIN [A-Z ]*PRIVATE KEY|\bAKIA[0-9A-Z]{16}\b|\bsk-[\w-]{20,}|\bgh[pousr]_\w{30,}|\bhf_[A-Za-z]{30,}"
    rb"|^\s*(?:secret_access_key|session_token|connection_string|account_key|sas_token|password)\s*=\s*\S",
    re.MULTILINE,
)
RUN, STRIDE = 20, 6  # words of a run that no title is as long as; every quotation of 25 words holds one of them
TEXTS = "data/extract/*.jsonl"  # of the books on this machine; scenes are cut out of them


def tracked(root: Path) -> list[Path]:
    """The files that git holds or is about to."""
    asked = ["git", "ls-files", "-z", "--cached"]
    answer = subprocess.run(asked, cwd=root, capture_output=True, check=False)
    if answer.returncode:
        raise UserError(f"{root.resolve()} is no git repository; clone it with git, or `git init`")
    return [root / name for name in answer.stdout.decode().split("\0") if name and (root / name).is_file()]


def kept_by_dvc(root: Path) -> list[Path]:
    """The outputs of the pipeline that belong to DVC's cache alone, and the library."""
    stages = yaml.safe_load((root / "dvc.yaml").read_text(encoding="utf-8"))["stages"].values()
    outs = [out for stage in stages for out in stage["outs"] if isinstance(out, str)]
    return [root / out for out in [*outs, "data/library", ".dvc/config.local", ".dvc/cache"]]


def find_leaks(root: Path, texts: bool = True) -> list[str]:
    """Everything in git that should not be there, a line each; `texts` looks for the text of the books, too."""
    files, kept = tracked(root), kept_by_dvc(root)
    contents = {path: path.read_bytes() for path in files}
    found = [f"{path.relative_to(root)}: {fault}" for path in files for fault in faults(path, contents[path], kept)]
    return found + (quotations(root, contents) if texts else [])


def faults(path: Path, content: bytes, kept: Iterable[Path]) -> Iterator[str]:
    """What is wrong with one file of git."""
    if any(path == one or one in path.parents for one in kept):
        yield "DVC keeps it, git must not"
    kinds = [kind for start, kind in BEGINNINGS.items() if content.startswith(start)]
    kinds += [kind for mark, kind in INSIDE.items() if mark in content[:100]]
    if kinds or path.suffix.lower() in BOOKS | MODELS:
        yield f"it is {kinds[0]}" if kinds else f"it ends in {path.suffix}"
    if key := KEYS.search(content):
        line = content[: key.end()].count(b"\n") + 1
        yield f"line {line} looks like a key"


def runs(text: str, stride: int = 1) -> Iterator[str]:
    """The runs of RUN words of a text, one every `stride` words."""
    words = re.findall(r"\w+", text.casefold())
    return (" ".join(words[at : at + RUN]) for at in range(0, len(words) - RUN + 1, stride))


def quotations(root: Path, contents: dict[Path, bytes]) -> list[str]:
    """The files of git that quote a book of this machine, each with the first book that it quotes."""
    held: dict[str, Path] = {}
    for path, content in contents.items():
        held |= dict.fromkeys(runs(content.decode(errors="ignore")), path)
    found: dict[Path, str] = {}
    for source in sorted(root.glob(TEXTS)):
        for line in source.read_text(encoding="utf-8").split("\n"):
            for run in runs(json.loads(line)["text"], STRIDE) if line else ():
                if run in held:
                    found.setdefault(held[run], f"it quotes {source.relative_to(root)}: “{run[:40]}…”")
    return [f"{path.relative_to(root)}: {said}" for path, said in found.items()]
