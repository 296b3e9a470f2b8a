"""The gate: what a person decided about scenes is applied, and what fails a rule is rejected with its reasons.

Reads   data/scenes/, data/curation.yaml, params.yaml (validate); where people changed a text or pinned a scene that is
        not picked now: data/extract/, data/base/tokenizer.json
Writes  data/validate/scenes.jsonl (the accepted scenes: what every later stage reads), data/validate/rejected.csv,
        data/validate/curation.csv, data/validate/accounts.csv, data/validate/docs.html, metrics/validate.json
Run     python -m stages.validate
"""

import shutil
from collections.abc import Sequence
from pathlib import Path

from stages.shared.commands import command_line
from stages.shared.errors import UserError, run
from stages.shared.models import token_counter
from stages.shared.params import load_params
from stages.shared.plainyaml import Refusal
from stages.shared.progress import Progress
from stages.shared.records import Account, write_csv, write_json
from stages.shared.scenefile import Scene, load_scenes, write_accepted
from stages.validate import curation, page, suite
from stages.validate.gate import Gate, Rejection, State
from stages.validate.table import ValidateParams, frame

SCENES, CURATION = Path("data/scenes"), Path("data/curation.yaml")
TEXTS, BASE = Path("data/extract"), Path("data/base")
OUT, METRICS = Path("data/validate"), Path("metrics/validate.json")


def read_book(path: Path) -> list[Scene]:
    """The scenes of one book; raises Refusal, also where the file speaks for another book than its name says."""
    found = load_scenes(path)
    if found and found[0].book_id != path.stem:
        raise Refusal(f"its book is {found[0].book_id!r:.60}, its name says {path.stem!r}")
    return found


def read_folder(folder: Path) -> tuple[list[Scene], dict[str, str]]:
    """The scenes of every book, books sorted by id, and of each file that is refused the book and the reason."""
    found: list[Scene] = []
    refused, paths = {}, sorted(folder.glob("*.yaml"))
    with Progress("validate", len(paths)) as progress:
        for path in paths:
            try:
                found += read_book(path)
            except Refusal as error:
                refused[path.stem] = str(error)
            progress.step()
    if not found:
        first = next((f"; the first refused file is {book}.yaml: {reason}" for book, reason in refused.items()), "")
        raise UserError(f"{folder} has no scene that can be read{first}; run `dvc repro scenes`")
    return found, refused


def tokens(texts: Sequence[str]) -> list[int]:
    """The tokens of each text in the base; the tokenizer is loaded where a decision needs it."""
    return token_counter(BASE)(texts)


def passed(scenes: list[Scene], refused: dict[str, str], params: ValidateParams) -> Gate:
    """Apply the decisions and run the suite."""
    decisions = curation.read_decisions(CURATION)
    curated = curation.apply(scenes, decisions, TEXTS, tokens)
    if not curated.scenes:
        raise UserError(f"{CURATION} drops all {len(scenes)} scenes; leave some of them")
    table = frame(curated.scenes, params)
    outcomes = suite.check(table, params, suite.read_rules())
    return Gate(curated, refused, outcomes, suite.reasons(outcomes, table, curated.pinned))


def write(gate: Gate) -> None:
    """Write everything that the gate found."""
    shutil.rmtree(OUT, ignore_errors=True)
    OUT.mkdir(parents=True)
    write_accepted(OUT / "scenes.jsonl", gate.accepted)
    write_csv(OUT / "rejected.csv", Rejection, gate.rejected)
    write_csv(OUT / "curation.csv", State, gate.decisions)
    write_csv(OUT / "accounts.csv", Account, gate.accounts())
    (OUT / "docs.html").write_text(page.render(gate), encoding="utf-8")
    write_json(METRICS, gate.summary())


def tell(gate: Gate) -> None:
    """Say what was found: counts, the first rejections, every file refused, every stale decision."""
    print(f"validate: {len(gate.scenes)} scenes, {len(gate.rejected)} rejected; the page is {OUT}/docs.html")
    for one in gate.rejected[:5]:
        print(f"  {one.scene_id or one.book_id}: {one.reason}")
    for number, line in enumerate(gate.decisions, 1):
        if line.state == "stale":
            print(f"  {CURATION}, entry {number} ({line.do} {line.scene_id}) is stale: {line.reason}")


def stop_where_too_many(gate: Gate, most: float) -> None:
    """Stop the pipeline where a larger share than `most` of scenes or of files failed."""
    files = len(gate.accounts())
    for failed, of, what in ((len(gate.failed), len(gate.scenes), "scenes"), (len(gate.refused), files, "files")):
        if failed > most * of:
            raise UserError(
                f"{failed} of {of} {what} are rejected, more than the share validate.max_rejected {most}; "
                f"look at {OUT}/rejected.csv, mend the books or raise it"
            )


def main() -> None:
    params = load_params(ValidateParams, "validate")
    gate = passed(*read_folder(SCENES), params)
    write(gate)
    tell(gate)
    stop_where_too_many(gate, params.max_rejected)


if __name__ == "__main__":
    command_line("validate", __doc__).parse_args()
    run(main)
