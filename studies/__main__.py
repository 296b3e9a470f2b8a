"""Run a study as its committed plan says, on anyone's copies of its books.

Reads   studies/<name>/plan.yaml, books.csv, probe_pool.csv (all committed); a folder of EPUB, PDF and text files
Writes  studies/<name>/: params.yaml as they were run, metrics/ with plots and reports, readings.csv, lock.yaml,
        run.json, variants.csv, gains.csv, variants.md; the first time, before any reading, books.csv and
        probe_pool.csv, to be committed
Run     make study NAME=english LIBRARY=~/books              (again after a kill: it goes on where it was)
        make study NAME=english LIBRARY=~/books COUNT=1      what it costs, before anything is trained
        make study NAME=forms LIBRARY=~/books ONLY=qa        one of its variants; main is the study itself
        make study NAME=english LIBRARY=~/books SET='tiers.draws=2 train.rank=4'     with departures, which are told
"""

import argparse
import re
import shutil
import time
from collections.abc import Sequence
from pathlib import Path

import yaml

from benchmarks.rows import machine
from stages.shared.errors import UserError, run
from stages.shared.records import ShelfBook, read_csv
from studies import books, count, results, variants
from studies import plan as plans
from studies.plan import Params, Plan
from studies.workspace import Workspace, open_workspace

STUDIES, POOL, OWN = Path("studies"), Path("data/catalogue/probe_pool.csv"), Path("data/catalogue/own.csv")
LIBRARY, SHELF = Path("data/library"), Path("data/shelf.csv")


def params_at(commit: str, plan: Plan) -> Params:
    """params.yaml of a commit with the overrides of a plan."""
    return plans.merged(yaml.safe_load(plans.at_commit(commit, "params.yaml")), plan.params)


def params_as_planned(commit: str, plan: Plan) -> Params:
    """Today's params.yaml as it was at the commit of a plan, with the plan's overrides: a study can be run again after
    a default of the project has changed.
    """
    now, then = (yaml.safe_load(plans.at_commit(one, "params.yaml")) for one in ("HEAD", commit))
    return plans.merged(plans.carried(now, then), plan.params)


def plan_at(commit: str, path: Path) -> Plan:
    """The plan as a commit has it."""
    return plans.read_plan(plans.at_commit(commit, path.as_posix()), path)


def with_plan(params: Params, name: str, commit: str, told: Sequence[str]) -> Params:
    """Params that tell the report the plan's commit, its day and every departure."""
    day = plans.git("show", "-s", "--format=%cs", commit)
    found = {"study": name, "commit": commit[:12], "date": day, "departures": list(told)}
    return plans.merged(params, {"saturation": {"plan": found}})


def list_books(workspace: Workspace, plan: Plan, library: Path, folder: Path) -> None:
    """Write the list of the study's books, and that of the books that may be held out, and say what comes next."""
    workspace.write_params(params_at("HEAD", plan))
    workspace.run("python", "-m", "stages.bookmap", "--add", str(library))
    workspace.run("dvc", "repro", "extract")
    readable = {path.stem for path in workspace.path("data/extract").glob("*.jsonl")}
    shelf = read_csv(workspace.path(str(SHELF)), ShelfBook)
    rows = books.chosen(shelf, readable, plan.exclusions, workspace.path(str(LIBRARY)))
    books.write_books(rows, folder / "books.csv")
    fill(workspace, rows, {digest: workspace.path(f"{LIBRARY}/{path}") for row in rows for path, digest in row.files})
    workspace.run("dvc", "repro", "extract")
    workspace.run("python", "-m", "stages.probe", "--choose", str(plan.held_out))
    shutil.copyfile(workspace.path(str(POOL)), folder / POOL.name)
    print(
        f"studies: {len(rows)} books listed in {folder}/books.csv, those that may be held out in {folder}/{POOL.name}"
    )
    print(f"studies: look at them, then `git add {folder} && git commit` and run this again")


def fill(workspace: Workspace, rows: Sequence[books.StudyBook], found: dict[str, Path]) -> None:
    """Put the files and the own rows of books into a workspace."""
    books.put(rows, found, workspace.path(str(LIBRARY)))
    books.write_own(rows, workspace.path(str(OWN)))


def bring_books(workspace: Workspace, folder: Path, library: Path, without_missing: bool) -> list[str]:
    """Bring the listed books into the workspace; returns the departure that missing ones are.

    Raises UserError naming the missing ones unless it is told to go on without.
    """
    rows = books.read_books(folder / "books.csv")
    found, missing = books.find(rows, library)
    if missing:
        told = books.tell_missing(missing, len(rows))
        if not without_missing:
            raise UserError(f"{told}\nbring them into {library}, or add WITHOUT_MISSING=1: the report then says so")
        print(f"studies: {told}")
    lost = {book.book_id for book in missing}
    fill(workspace, [row for row in rows if row.book_id not in lost], found)
    shutil.copyfile(folder / POOL.name, workspace.path(str(POOL)))
    return [f"books: planned {len(rows)}, run {len(rows) - len(missing)}"] if missing else []


def run_params(workspace: Workspace, params: Params, log: results.Log, variant: str, target: str = "") -> None:
    """Run the pipeline of a workspace with params, and note what it took, also where it was interrupted."""
    workspace.write_params(params)
    start = time.monotonic()
    try:
        workspace.run("dvc", "repro", *filter(None, [target]))
    finally:
        if not target:
            log.add(variant, plans.git("rev-parse", "HEAD")[:12], time.monotonic() - start, machine())


def chosen_variants(plan: Plan, only: str | None) -> list[str]:
    """What is run: the study itself, then its variants, or the one that is asked for."""
    there = [variants.MAIN, *plan.variants]
    if only is not None and only not in there:
        raise UserError(f"ONLY is {only!r}; the study has {', '.join(there)}")
    return there if only is None else [only]


def ask() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m studies", description="Run a study as its committed plan says.")
    parser.add_argument("name", help="its folder below studies/")
    parser.add_argument("--library", type=Path, required=True, help="the folder of book files")
    parser.add_argument("--count", action="store_true", help="only count readings, cells and tokens")
    parser.add_argument("--set", default="", metavar="KEY=VALUE ...", help="depart from the plan; the report tells it")
    parser.add_argument("--without-missing", action="store_true", help="run without the books that are not there")
    parser.add_argument("--only", metavar="VARIANT", help="only this variant of the plan; main is the study itself")
    return parser.parse_args()


def main() -> None:
    asked = ask()
    folder = STUDIES / asked.name
    if not re.fullmatch(r"[a-z0-9-]+", asked.name):
        raise UserError(f"{asked.name!r} is no name of a study; take small letters, digits and hyphens")
    committed = plans.commit_of(folder / "plan.yaml")
    plan, workspace = plan_at("HEAD", folder / "plan.yaml"), open_workspace(asked.name)
    library = asked.library.expanduser().absolute()
    lists = STUDIES / (plan.books_of or asked.name)
    if not (lists / "books.csv").exists():
        return list_books(workspace, plan, library, lists)
    for name in ("books.csv", POOL.name):
        plans.commit_of(lists / name)
    told = bring_books(workspace, lists, library, asked.without_missing)
    log = results.Log.read(folder / results.RUN)
    params = params_as_planned(log.plan_commit or committed, plan)
    params = plans.merged(params, plans.with_settings({}, asked.set))
    if asked.count:
        run_params(workspace, params, log, "", "tiers")
        print(count.count(workspace.path("data/tiers"), params).told)
        return
    registered = log.register(committed)
    first = plan_at(registered, folder / "plan.yaml")
    told += plans.departures(params_at(registered, first), params)
    for name in chosen_variants(plan, asked.only):
        over, planned = plan.variants.get(name, {}), first.variants.get(name, {})
        found = plans.merged(params, over)
        changed = [] if over == planned else [f"variant {name}: planned {planned or 'nothing'}, run {over}"]
        run_params(workspace, with_plan(found, asked.name, registered, [*told, *changed]), log, name)
        if name == variants.MAIN:
            results.collect(workspace, found, folder)
        if plan.variants:
            variants.take(workspace.folder, name, found, folder)
    print(f"studies: {folder}/metrics/ holds reports and plots; `git add {folder} && git commit` keeps them")


if __name__ == "__main__":
    run(main)
