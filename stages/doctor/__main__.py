"""Tell what this machine lacks for a run, and what time and disk the chosen ladder will take.

Reads   params.yaml, requirements.lock, dvc.yaml, data/shelf.csv, data/base/, data/library/, data/sample/
Writes  nothing; the measurement runs in a temporary folder
Run     python -m stages.doctor                      everything; the measurement takes one to three minutes
        python -m stages.doctor --checks             only what is here and what is missing
        python -m stages.doctor --books 10000        the estimate for so many books like those of the shelf
        python -m stages.doctor --leaks              whether git holds a book, a quotation of one, or a key
        python -m stages.doctor --leaks files        the same in a moment: quotations are not looked for
        python -m stages.doctor --objects [REMOTE]   whether DVC's cache, or a remote, holds damaged objects
        python -m stages.doctor --objects [REMOTE] --mend    take damaged ones away, so that whole ones can come
"""

import argparse
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path

from stages.doctor import checks, estimate, ladder, leaks, measure, objects
from stages.shared.commands import command_line
from stages.shared.errors import UserError, run
from stages.shared.params import read_params
from stages.shared.records import ShelfBook, read_csv

CACHE = "the cache"
FILES, QUOTATIONS = "files", "quotations"  # what is looked for in git: quotations of the books of this machine, too


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = command_line("doctor", __doc__)
    parser.add_argument("--checks", action="store_true", help="measure nothing")
    parser.add_argument("--books", type=int, metavar="N", help="estimate for N books instead of those of the shelf")
    parser.add_argument(
        "--leaks", nargs="?", const=QUOTATIONS, choices=(FILES, QUOTATIONS), help="what git holds and must not"
    )
    parser.add_argument("--objects", nargs="?", const=CACHE, metavar="REMOTE", help="read every object of the cache")
    parser.add_argument("--mend", action="store_true", help="with --objects: take damaged ones away")
    return parser.parse_args()


def tell(findings: Iterable[checks.Finding]) -> bool:
    """Print the findings as they come; whether nothing is missing."""
    whole = True
    for one in findings:
        print(f"{one.level:7} {one.subject:8} {one.said}", flush=True)
        whole = whole and one.level != "missing"
    return whole


def tell_estimate(books: int | None) -> None:
    """Measure, and print what the ladder of params.yaml will take."""
    params, shelf = read_params(), read_csv(checks.SHELF, ShelfBook)
    here = [book for book in shelf if book.status == "here"]
    work = ladder.work_of(params, ladder.shelf_of(books, here[0].category) if books else here)
    with tempfile.TemporaryDirectory(prefix="doctor-") as folder:
        measured = measure.measure(Path(folder), Path().absolute(), params, shelf)
    print("\n".join(["", *estimate.table(estimate.estimate(measured, work, shelf), work, measured)]))


def tell_objects(remote: str | None, mend: bool) -> int:
    """Print the damaged objects; the exit code is 1 where any is left."""
    lines = objects.check_objects(remote, mend)
    print("\n".join([*lines, objects.advice(remote, len(lines), mend)] if lines else ["every object is whole"]))
    return int(bool(lines) and not mend)


def tell_leaks(texts: bool) -> int:
    """Print what git holds and must not."""
    lines = leaks.find_leaks(Path(), texts)
    quotation = "no quotation of one on this machine, " if texts else ""
    print("\n".join(lines or [f"git holds no book, {quotation}and no key"]))
    return int(bool(lines))


def main() -> None:
    asked = arguments()
    if asked.objects:
        sys.exit(tell_objects(None if asked.objects == CACHE else asked.objects, asked.mend))
    if asked.leaks:
        sys.exit(tell_leaks(asked.leaks == QUOTATIONS))
    if not tell(checks.look()):
        raise UserError("something is missing; the lines above say what and how to bring it")
    if not asked.checks:
        tell_estimate(asked.books)


if __name__ == "__main__":
    run(main)
