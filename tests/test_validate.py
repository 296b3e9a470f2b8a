import dataclasses

from conftest import prose

from stages import validate
from stages.shared.scenefile import Scene

PARAMS = validate.ValidateParams(
    min_tokens=10, max_tokens=500, min_words=5, likeness=0.5, script_share=0.5, max_rejected=0.5
)


def scene(seed: int, **changed: object) -> Scene:
    text = str(changed.pop("text", prose(seed, 1)[0]))
    forms: dict[str, object] = {"passage": text, "instruction": text, "qa": {"q": text}, "tension": {"t": text}}
    made = Scene(
        scene_id=f"own-{seed:04d}-p1", book_id=f"own-{seed:04d}", title="T", author="A", language="en", tier="core",
        category="x", rank=0, kind="dense", density=1.0, tokens=100, words=60, bytes=300, sha256="0" * 64, chapter="",
        first=1, last=1, page=None, forms=forms,
    )  # fmt: skip
    return dataclasses.replace(made, **changed)  # type: ignore[arg-type]


def reasons(*scenes: Scene) -> dict[str, str]:
    table = validate.frame(scenes, PARAMS)
    found, _, _ = validate.validate(table, PARAMS)
    return {one.scene_id: one.reason for one in validate.rejections(table, found)}


def test_sound_scenes_pass() -> None:
    assert reasons(scene(1), scene(2), scene(3)) == {}


def test_each_fault_is_rejected_with_its_reason() -> None:
    long_text = " ".join(prose(9, 3))
    faulty = {
        "tier is unknown": scene(11, tier="shelf"),
        "kind is unknown": scene(12, kind="nice"),
        "language is no ISO 639 code": scene(13, language="English"),
        "length in tokens": scene(14, tokens=501),
        "too few words": scene(15, words=4),
        "licence boilerplate": scene(16, text=f"{long_text} This eBook is for the use of anyone anywhere."),
        "control characters": scene(17, text=f"{' '.join(prose(10, 3))} \x01"),
        "a form is empty": scene(
            18, forms={"passage": " ".join(prose(18, 2)), "instruction": "", "qa": {}, "tension": {}}
        ),
        "script is not the language's": scene(19, language="ru", text=" ".join(prose(19, 2))),
        "sha256 is malformed": scene(20, sha256="x"),
    }
    found = reasons(scene(1), *faulty.values())
    assert {name: found.get(one.scene_id) for name, one in faulty.items()} == {
        name: name if name != "a form is empty" else "a form is empty" for name in faulty
    }
    assert len(found) == len(faulty)


def test_a_repeated_scene_is_rejected_once_and_names_the_first() -> None:
    text = " ".join(prose(5, 2))
    found = reasons(scene(1, text=text), scene(2, text=text + " And more."))
    assert found == {"own-0002-p1": "repeats an earlier scene (own-0001-p1)"}


def test_the_page_of_data_docs_is_the_same_twice() -> None:
    table = validate.frame([scene(1), scene(2, tier="shelf")], PARAMS)
    first, second = validate.validate(table, PARAMS)[2], validate.validate(table, PARAMS)[2]
    assert first == second
    assert "tier" in first


def test_the_summary_counts_what_failed() -> None:
    table = validate.frame([scene(1), scene(2, tier="shelf"), scene(3)], PARAMS)
    found, rows, _ = validate.validate(table, PARAMS)
    summary = validate.summarize(table, validate.rejections(table, found), rows)
    assert (summary["scenes"], summary["accepted"], summary["rejected"]) == (3, 2, 1)
    assert summary["failed"]["tier is unknown"] == 1
