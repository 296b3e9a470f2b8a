import csv
import dataclasses
import hashlib
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml
from conftest import ROOT, prose

from stages.shared.errors import UserError
from stages.shared.passages import sentences
from stages.shared.records import Paragraph, write_paragraphs
from stages.shared.scenefile import Scene, accepted_scenes
from stages.validate import __main__ as stage
from stages.validate import curation, page, suite
from stages.validate.gate import Gate
from stages.validate.table import ValidateParams, frame

PARAMS = ValidateParams(min_tokens=10, max_tokens=500, min_words=5, likeness=0.5, script_share=0.5, max_rejected=0.5)


def scene(seed: int, **changed: Any) -> Scene:
    text = changed.pop("text", prose(seed, 1)[0])
    forms: dict[str, Any] = {"passage": text, "instruction": text, "qa": {"question": text, "answer": text}}
    made = Scene(
        scene_id=f"own-{seed:04d}-p1", book_id=f"own-{seed:04d}", title="T", author="A", language="en", tier="core",
        category="x", rank=0, kind="dense", density=1.0, tokens=100, words=60, bytes=300,
        sha256=hashlib.sha256(text.encode()).hexdigest(), chapter="", first=1, last=1, page=None, forms=forms,
    )  # fmt: skip
    return dataclasses.replace(made, **changed)


def words(texts: Sequence[str]) -> list[int]:
    return [len(text.split()) for text in texts]


def gate(
    *scenes: Scene, decisions: tuple[curation.Decision, ...] = (), texts: Path = Path("none"), **refused: str
) -> Gate:
    curated = curation.apply(scenes, decisions, texts, words)
    table = frame(curated.scenes, PARAMS)
    outcomes = suite.check(table, PARAMS, suite.read_rules())
    return Gate(curated, refused, outcomes, suite.reasons(outcomes, table, curated.pinned))


def reasons(*scenes: Scene) -> dict[str, str]:
    return {one.scene_id: one.reason for one in gate(*scenes).rejected}


def test_sound_scenes_pass() -> None:
    assert reasons(scene(1), scene(2), scene(3)) == {}


def test_each_fault_is_rejected_with_its_rule_and_value() -> None:
    long_text = " ".join(prose(9, 3))
    faulty = {
        "tier is unknown (shelf)": scene(11, tier="shelf"),
        "kind is unknown (nice)": scene(12, kind="nice"),
        "language is no ISO 639 code (English)": scene(13, language="English"),
        "density is missing": scene(14, density=float("nan")),
        "length in tokens (501)": scene(15, tokens=501),
        "too few words (4)": scene(16, words=4),
        "place before the book (-1)": scene(17, first=-1),
        "number of paragraphs (0)": scene(18, first=2),
        "sha256 is not the text's": scene(19, sha256="x"),
        "licence boilerplate": scene(20, text=f"{long_text} This eBook is for the use of anyone anywhere."),
        "control characters (U+0001 in passage)": scene(21, text=f"{' '.join(prose(10, 3))} \x01"),
        "control characters (U+FFFD in title)": scene(22, title="T\ufffd"),
        "a form is empty (qa)": scene(23, forms={"passage": prose(23, 1)[0], "qa": {"question": " ", "answer": ""}}),
        "script is not the language's (wrong script: 100% of its letters are Latin": scene(24, language="ru"),
    }
    found = reasons(scene(1), *faulty.values())
    assert {name: found[one.scene_id].startswith(name) for name, one in faulty.items()} == dict.fromkeys(faulty, True)
    assert not [reason for reason in found.values() if ";" in reason]


def test_every_rule_can_fail() -> None:
    text = "isbn 123456789 \x01"
    bad = scene(
        1, text=text, tier="x", kind="x", language="RU", density=float("nan"), tokens=1, words=1, first=-3, last=-9,
        sha256="x", forms={"passage": text, "instruction": ""},
    )  # fmt: skip
    outcomes = gate(scene(2, text=text), bad, bad, scene(3, language="ru")).outcomes
    assert [one.rule.rule for one in outcomes if not one.failed] == []


def test_a_scene_carries_all_its_reasons() -> None:
    found = reasons(scene(1), scene(2, tokens=501, tier="shelf"))
    assert found == {"own-0002-p1": "tier is unknown (shelf); length in tokens (501)"}


def test_a_form_that_was_not_written_does_not_cost_the_scene() -> None:
    text = " ".join(prose(21, 2))
    assert reasons(scene(1), scene(21, text=text, forms={"passage": text, "tension": {"t": text}})) == {}


def test_a_repeated_scene_is_rejected_once_and_names_the_first() -> None:
    text = " ".join(prose(5, 2))
    found = reasons(scene(1, text=text), scene(2, text=text + " And more."))
    assert found == {"own-0002-p1": "repeats an earlier scene (own-0001-p1)"}


def test_every_rule_has_a_meaning_and_is_told_in_words() -> None:
    for one in gate(scene(1)).outcomes:
        assert one.rule.meaning.endswith(".")
        assert "$" not in one.expected
        assert str(one.rule.expect["column"]) in one.expected


def test_the_bounds_of_the_rules_are_those_of_params() -> None:
    said = {one.rule.rule: one.expected for one in gate(scene(1)).outcomes}
    assert "greater than or equal to 10" in said["length in tokens"]
    assert "less than or equal to 500" in said["length in tokens"]


def test_the_summary_gives_the_share_that_passes_by_tier_and_rule() -> None:
    found = gate(
        scene(1), scene(2, tokens=501), scene(3, tier="orbit"), scene(4, tier="shelf"), own_9="empty"
    ).summary()
    assert (found["scenes"], found["accepted"], found["rejected"], found["refused_files"]) == (4, 2, 2, 1)
    assert found["accepted_share"] == {"core": 0.5, "orbit": 1.0, "unknown": 0.0}
    assert found["passed"]["length in tokens"] == {"core": 0.5, "orbit": 1.0, "unknown": 1.0}


def test_the_page_is_whole_in_itself_and_the_same_twice() -> None:
    scenes = scene(1), scene(2, tier="<script>alert(1)</script>")
    first, second = page.render(gate(*scenes)), page.render(gate(*scenes))
    assert first == second
    assert "http" not in first and "<script" not in first
    assert "&lt;script&gt;" in first and "Books are read core first" in first


def test_a_small_share_of_failures_is_not_rounded_away() -> None:
    assert [page.percent(share) for share in (1.0, 0.9999, 0.5)] == ["100 %", "99.99 %", "50 %"]


def test_every_book_has_an_account() -> None:
    found = gate(scene(1), scene(2, tokens=501), scene(3), decisions=(decision(scene(3), "drop"),), own_9="it is empty")
    assert {one.book_id: (one.status, one.reason, one.paragraphs) for one in found.accounts()} == {
        "own-0001": ("used", "", 1),
        "own-0002": ("rejected", "all its scenes failed validation", 0),
        "own-0003": ("rejected", "all its scenes were dropped by a person", 0),
        "own_9": ("rejected", "its file of scenes is refused: it is empty", 0),
    }


def decision(of: Scene, do: str, **more: Any) -> curation.Decision:
    digest = hashlib.sha256(of.text.encode()).hexdigest()
    return curation.Decision.model_validate({"scene": of.scene_id, "sha256": digest, "do": do, "why": "so", **more})


def test_a_pin_waives_the_rules_and_comes_first_in_its_book() -> None:
    short = scene(1, scene_id="own-0001-p9", tokens=2, text=" ".join(prose(8, 1)))
    found = gate(scene(1), short, decisions=(decision(short, "pin"),))
    assert [one.scene_id for one in found.accepted] == ["own-0001-p9", "own-0001-p1"]
    assert found.accepted[0].curated == "pinned"
    assert found.summary()["passed"]["length in tokens"] == {"core": 0.5}


@pytest.mark.parametrize(
    ("place", "expected"),
    [
        ("p2", lambda texts: texts[2]),
        ("p2-4", lambda texts: f"{texts[2]}\n\n{texts[4]}"),
        ("p5.2", lambda texts: "".join(sentences(texts[5])[2:4]).strip()),
    ],
)
def test_a_pin_brings_back_a_scene_that_is_not_picked_now(
    place: str, expected: Callable[[list[str]], str], tmp_path: Path
) -> None:
    texts = prose(31, 8)
    kinds = ["note" if index == 3 else "prose" for index in range(8)]
    rows = [Paragraph(index, "Two", 7, kinds[index], text) for index, text in enumerate(texts)]
    write_paragraphs(tmp_path / "own-0001.jsonl", rows)
    gone = scene(1, scene_id=f"own-0001-{place}", text=expected(texts))
    found = gate(scene(1), decisions=(decision(gone, "pin"),), texts=tmp_path)
    back = found.accepted[0]
    assert (back.scene_id, back.text, back.chapter, back.page) == (gone.scene_id, gone.text, "Two", 7)
    assert (back.curated, back.tokens, back.sha256) == ("pinned", len(back.text.split()), gone.sha256)
    assert [one.scene_id for one in found.accepted[1:]] == ["own-0001-p1"]


@pytest.mark.parametrize("name", ["own-0001-p2", "own-0001-p99", "own-0009-p1", "../own-0001-p2", "own-0001", ""])
def test_a_pin_on_what_is_nowhere_is_stale(name: str, tmp_path: Path) -> None:
    write_paragraphs(tmp_path / "own-0001.jsonl", [Paragraph(2, "", None, "prose", "Another text.")])
    found = gate(scene(1), decisions=(decision(scene(1, scene_id=name), "pin"),), texts=tmp_path)
    assert found.accepted == [scene(1)]
    assert found.decisions[0].reason == "no such scene is picked now, and its book has no such text there"


def test_of_two_scenes_alike_the_pinned_one_stays() -> None:
    text = " ".join(prose(5, 2))
    one, other = scene(1, text=text), scene(2, text=text)
    found = gate(one, other, decisions=(decision(other, "pin"),))
    assert [one.scene_id for one in found.accepted] == ["own-0002-p1"]
    assert found.rejected[0].reason == "repeats an earlier scene (own-0002-p1)"


def test_a_pin_keeps_no_id_that_is_there_twice() -> None:
    found = gate(scene(1), scene(1), decisions=(decision(scene(1), "pin"),))
    assert not found.accepted


def test_a_dropped_scene_is_listed_with_the_person_s_reason() -> None:
    found = gate(scene(1), scene(2), decisions=(decision(scene(2), "drop", why="a list of names"),))
    assert [one.scene_id for one in found.accepted] == ["own-0001-p1"]
    assert [(one.scene_id, one.reason) for one in found.rejected] == [
        ("own-0002-p1", "dropped by a person: a list of names")
    ]
    assert (found.summary()["scenes"], found.summary()["rejected"]) == (2, 0)


def test_a_replaced_scene_is_measured_anew_and_held_against_the_rules() -> None:
    text = " ".join(prose(77, 1))
    good = decision(scene(1), "replace", text=text + "\n", forms={"qa": {"question": "What?", "answer": "This."}})
    bad = decision(scene(2), "replace", text="Too short.")
    found = gate(scene(1), scene(2), decisions=(good, bad))
    assert [one.scene_id for one in found.accepted] == ["own-0001-p1"]
    made = found.accepted[0]
    assert (made.text, made.tokens, made.bytes) == (text, len(text.split()), len(text.encode()))
    assert made.forms == {"passage": text, "qa": {"question": "What?", "answer": "This."}}
    assert made.sha256 == hashlib.sha256(text.encode()).hexdigest() and made.curated == "replaced"
    assert found.rejected[0].reason == "length in tokens (2); too few words (2)"


@pytest.mark.parametrize("do", ["pin", "drop", "replace"])
def test_a_stale_decision_is_told_counted_and_not_applied(do: str) -> None:
    text = {"text": " ".join(prose(77, 1))} if do == "replace" else {}
    moved = decision(scene(1, text="Another text."), do, **text)
    found = gate(scene(1), decisions=(moved, decision(scene(5), do, **text)))
    assert found.accepted == [scene(1)]
    assert [(one.state, one.reason[:20]) for one in found.decisions] == [
        ("stale", "the scene's text cha"),
        ("stale", "no such scene is pic"),
    ]
    assert found.summary()["curation"] == {"pinned": 0, "dropped": 0, "replaced": 0, "stale": 2}
    assert "not applied" in page.render(found)


WRONG = {
    "scenes: []": "must have `schema: 1`",
    "schema: 1\nscenes: []\nmore: 1": "nothing beside them",
    "schema: 2\nscenes: []": "its schema is 2",
    "schema: 1\nscenes: {}": "must be a list",
    "schema: 1\nscenes: [7]": "entry 1",
    "schema: 1\nscenes: [{scene: a, sha256: b, do: drop, why: c}]": "entry 1 ('a'): sha256 is 'b'",
    "schema: 1\nscenes: [{scene: a, sha256: %, do: keep, why: c}]": "do is 'keep': Input should be 'pin', 'drop' or",
    "schema: 1\nscenes: [{scene: a, sha256: %, do: drop}]": "why is missing",
    "schema: 1\nscenes: [{scene: a, sha256: %, do: drop, why: c, note: d}]": "note is no field of it",
    "schema: 1\nscenes: [{scene: a, sha256: %, do: replace, why: c}]": "replace needs `text`",
    "schema: 1\nscenes: [{scene: a, sha256: %, do: pin, why: c, text: d}]": "pin takes no text",
    "schema: 1\nscenes:\n- &a {scene: a}\n- *a": "line 3: &a",
    "schema: 1\nscenes:\n- !!python/name:os.system {}": "line 3: the tag",
    "schema: 1\nscenes:\n- {scene: a, scene: b}": "line 3: the key scene is there twice",
    "schema: 1\nscenes:\n- {scene: a, sha256: %, do: pin, why: c}\n- {scene: a, sha256: %, do: drop, why: c}":
        "entry 2: entry 1 decides about a too",
}  # fmt: skip


@pytest.mark.parametrize("content", WRONG)
def test_a_wrong_entry_is_told_in_one_sentence_with_its_place(content: str, tmp_path: Path) -> None:
    path = tmp_path / "curation.yaml"
    path.write_text(content.replace("%", "'" + "0" * 64 + "'"))
    with pytest.raises(UserError) as error:
        curation.read_decisions(path)
    assert WRONG[content] in str(error.value)
    assert str(error.value).startswith(str(path)) and "\n" not in str(error.value)


def test_the_committed_curation_is_empty_and_its_example_is_valid(tmp_path: Path) -> None:
    text = (ROOT / "data/curation.yaml").read_text()
    assert curation.read_decisions(ROOT / "data/curation.yaml") == []
    lines = [line.removeprefix("# ") for line in text.split("#\n")[1].splitlines()]
    example = "\n".join(lines).replace("5e88...", "'" + "0" * 64 + "'").replace("8d96...", "'" + "1" * 64 + "'")
    (tmp_path / "a.yaml").write_text(f"schema: 1\nscenes:\n{example}\n")
    assert [one.do for one in curation.read_decisions(tmp_path / "a.yaml")] == ["drop", "replace"]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project folder with the scenes of four books and no decisions; the current folder of the test."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data/scenes").mkdir(parents=True)
    for seed in range(1, 5):
        write_book(tmp_path / "data/scenes", scene(seed))
    (tmp_path / "data/curation.yaml").write_text("schema: 1\nscenes: []\n")
    (tmp_path / "params.yaml").write_text(yaml.safe_dump({"validate": PARAMS.model_dump()}))
    return tmp_path


def write_book(folder: Path, one: Scene) -> None:
    facts = ("kind", "quality", "density", "tokens", "words", "bytes", "sha256", "forms")
    place = {"chapter": one.chapter, "paragraphs": [one.first, one.last], "page": one.page}
    book = {name: getattr(one, name) for name in ("book_id", "title", "author", "language", "tier", "category")}
    row = {"id": one.scene_id, "place": place, **{name: getattr(one, name) for name in facts}}
    text = yaml.dump({"schema": 2, "book": book, "scenes": [row]}, Dumper=NoAliases)
    (folder / f"{one.book_id}.yaml").write_text(text)


class NoAliases(yaml.CSafeDumper):
    def ignore_aliases(self, data: object) -> bool:
        return True


def rejected(folder: Path) -> list[dict[str, str]]:
    with (folder / "data/validate/rejected.csv").open() as stream:
        return list(csv.DictReader(stream))


def test_the_stage_hands_on_the_scenes_it_accepts(folder: Path) -> None:
    stage.main()
    assert accepted_scenes(folder / "data/validate/scenes.jsonl") == {f"own-000{n}": [scene(n)] for n in range(1, 5)}
    assert rejected(folder) == []


def test_a_hostile_file_costs_its_book_only_and_is_counted(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "data/scenes/own-0003.yaml").write_text("a: &a [x]\nb: [*a, *a]")
    stage.main()
    assert set(accepted_scenes(folder / "data/validate/scenes.jsonl")) == {"own-0001", "own-0002", "own-0004"}
    assert [(row["scene_id"], row["book_id"]) for row in rejected(folder)] == [("", "own-0003")]
    assert json.loads((folder / "metrics/validate.json").read_text())["refused_files"] == 1
    assert "own-0003: its file of scenes is refused: line 1: &a" in capsys.readouterr().out


def test_a_file_under_the_name_of_another_book_is_refused(folder: Path) -> None:
    (folder / "data/scenes/own-0003.yaml").write_text((folder / "data/scenes/own-0002.yaml").read_text())
    stage.main()
    assert rejected(folder)[0]["reason"].endswith("its book is 'own-0002', its name says 'own-0003'")


def test_many_hostile_files_stop_the_pipeline(folder: Path) -> None:
    for seed in (1, 2, 3):
        (folder / f"data/scenes/own-000{seed}.yaml").write_text("{}")
    with pytest.raises(UserError, match=r"3 of 4 files are rejected, more than the share validate.max_rejected 0.5"):
        stage.main()


def test_no_file_that_can_be_read_stops_the_pipeline_with_the_first_reason(folder: Path) -> None:
    for path in (folder / "data/scenes").iterdir():
        path.write_text("")
    with pytest.raises(UserError, match=r"first refused file is own-0001.yaml: it is empty"):
        stage.main()


def test_a_stale_decision_is_told_with_its_number(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    entry = decision(scene(9), "drop").model_dump(exclude_none=True, exclude={"forms"})
    (folder / "data/curation.yaml").write_text(yaml.safe_dump({"schema": 1, "scenes": [entry]}))
    stage.main()
    assert "data/curation.yaml, entry 1 (drop own-0009-p1) is stale: no such scene is picked" in capsys.readouterr().out
    assert "own-0009-p1,drop,stale" in (folder / "data/validate/curation.csv").read_text()


def test_decisions_that_leave_nothing_are_told(folder: Path) -> None:
    entries = [decision(scene(n), "drop").model_dump(exclude_none=True, exclude={"forms"}) for n in range(1, 5)]
    (folder / "data/curation.yaml").write_text(yaml.safe_dump({"schema": 1, "scenes": entries}))
    with pytest.raises(UserError, match=r"data/curation.yaml drops all 4 scenes"):
        stage.main()


def test_the_same_scenes_give_the_same_bytes(folder: Path) -> None:
    def outputs() -> dict[str, bytes]:
        stage.main()
        return {path.name: path.read_bytes() for path in (folder / "data/validate").iterdir()}

    assert outputs() == outputs()
