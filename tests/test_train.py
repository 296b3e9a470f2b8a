import dataclasses
from pathlib import Path

import pytest
import torch
from conftest import prose
from hypothesis import given
from hypothesis import strategies as st

from stages import base
from stages.shared import models, plan
from stages.shared.errors import UserError
from stages.shared.keyed import file_digest
from stages.shared.progress import Progress
from stages.shared.records import ShelfBook
from stages.shared.trunk import Recipe, Trunk
from stages.train import reading

RECIPE = Recipe(
    rank=4, alpha=8, dropout=0.1, learning_rate=0.01, warmup=2, clip=1.0, weight_decay=0.0, precision="float32"
)


@pytest.fixture(scope="module")
def folder(tiny_base: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("base")
    base.write_base(f"path:{tiny_base}", {}, made)
    return made


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The live curves of a test are written to its own folder."""
    monkeypatch.chdir(tmp_path)


def texts_of(count: int, each: int = 2) -> dict[str, list[tuple[str, list[int]]]]:
    return {
        f"b{i:02d}": [
            (f"b{i:02d}-{j}", [(7 * i + j + k) % 399 + 1 for k in range(10 + (i + j) % 7)]) for j in range(each)
        ]
        for i in range(count)
    }


def a_plan(count: int, rungs: list[int], cooldown: float = 0.2) -> plan.Plan:
    return plan.plan_reading(sorted(texts_of(count)), texts_of(count), rungs, window=3, batch=4, cooldown=cooldown)


@given(st.integers(1, 30), st.integers(1, 30), st.integers(1, 6), st.integers(1, 5))
def test_a_rung_reads_each_text_of_its_books_once_and_no_other(top: int, rung: int, window: int, batch: int) -> None:
    rungs = sorted({min(rung, top), top})
    texts = texts_of(top)
    made = plan.plan_reading(sorted(texts), texts, rungs, window, batch, 0.2)
    for mark in made.rungs:
        read = [name for step in made.taken(mark) for name in step.texts]
        assert sorted(read) == sorted(name for book in sorted(texts)[: mark.books] for name, _ in texts[book])
        assert 0 <= mark.branch < mark.end


@given(st.integers(4, 20))
def test_a_book_read_later_changes_no_earlier_step(count: int) -> None:
    before, after = a_plan(count, [2, count]), a_plan(count + 1, [2, count + 1])
    assert after.steps[: len(before.steps)] == before.steps
    assert after.rungs[0] == before.rungs[0]


@given(st.lists(st.integers(1, 20), min_size=1, max_size=6, unique=True), st.integers(0, 5))
def test_a_rung_is_the_same_whichever_others_are_read(rungs: list[int], index: int) -> None:
    whole, one = a_plan(20, rungs), sorted(rungs)[index % len(rungs)]
    alone = a_plan(20, [one])
    assert alone.taken(alone.rungs[0]) == whole.taken(next(rung for rung in whole.rungs if rung.rung == one))


def run_steps(trunk: Trunk, steps: tuple[plan.Step, ...]) -> None:
    for step in steps:
        trunk.take(step, trunk.rate(trunk.done))


def adapter(trunk: Trunk) -> dict[str, torch.Tensor]:
    return {name: weight.detach().clone() for name, weight in trunk.weights.items()}


def test_a_trunk_continued_from_its_checkpoint_is_the_undisturbed_one(folder: Path, tmp_path: Path) -> None:
    steps = a_plan(8, [8]).steps
    whole = Trunk(models.load_base(folder), RECIPE, 0)
    run_steps(whole, steps)
    first = Trunk(models.load_base(folder), RECIPE, 0)
    run_steps(first, steps[:2])
    first.save(tmp_path)
    second = Trunk(models.load_base(folder), RECIPE, 5)
    second.load(tmp_path)
    run_steps(second, steps[2:])
    assert all(torch.equal(weight, adapter(second)[name]) for name, weight in adapter(whole).items())


def test_training_lowers_the_loss_of_what_is_read(folder: Path) -> None:
    tokenizer = models.load_tokenizer(folder)
    ids = [tokenizer.encode(text).ids[:60] for text in prose(1, 4)]
    trunk = Trunk(models.load_base(folder), dataclasses.replace(RECIPE, dropout=0.0), 0)
    step = plan.Step(tuple("abcd"), tuple(ids))
    losses = [trunk.take(step, 0.01) for _ in range(12)]
    assert losses[-1] < losses[0] - 0.2


def test_two_inits_differ_and_one_init_repeats(folder: Path) -> None:
    def start(init: int) -> dict[str, torch.Tensor]:
        return adapter(Trunk(models.load_base(folder), RECIPE, init))

    one, again, other = start(0), start(0), start(1)
    assert all(torch.equal(one[name], again[name]) for name in one)
    assert any(not torch.equal(one[name], other[name]) for name in one)


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_a_reading_begins_alike_whatever_was_read_before_it(folder: Path, precision: str) -> None:
    base, recipe = models.load_base(folder), dataclasses.replace(RECIPE, precision=precision)
    first = Trunk(base, recipe, 0)
    begun = adapter(first)
    run_steps(first, a_plan(4, [4]).taken(a_plan(4, [4]).rungs[0]))
    first.release()
    again = adapter(Trunk(base, recipe, 0))
    assert all(torch.equal(weight, again[name]) for name, weight in begun.items())


def test_the_adapter_never_touches_embeddings_or_head(folder: Path) -> None:
    names = adapter(Trunk(models.load_base(folder), RECIPE, 0))
    assert names
    assert not [name for name in names if "embed" in name or "lm_head" in name]


def test_the_rate_warms_up_stays_and_cools_to_zero(folder: Path) -> None:
    trunk = Trunk(models.load_base(folder), RECIPE, 0)
    assert trunk.rate(0) == pytest.approx(0.005)
    assert trunk.rate(1) == trunk.rate(50) == pytest.approx(0.01)
    cooled = [trunk.rate(50, left, 4) for left in (4, 3, 2, 1)]
    assert cooled == pytest.approx([0.008, 0.006, 0.004, 0.002])


def a_reading(rungs: list[int], count: int = 8) -> reading.Reading:
    books = [
        ShelfBook(f"b{i:02d}", "T", "A", "en", "core", "c", "own", "x", "epub", f"{i}", 1, "here", "")
        for i in range(count)
    ]
    return reading.Reading("tiered-real-d0-i0", "tiered", "real", 0, 0, True, books, a_plan(count, rungs))


def train_all(folder: Path, one: reading.Reading) -> dict[int, str]:
    facts = models.read_facts(folder)
    made = {"base_fingerprint": facts["fingerprint"]}
    store = reading.Store([facts["fingerprint"], dataclasses.asdict(RECIPE)])
    keys = {store.adapter_key(one, rung, reading.facts_of(one, rung, made)): rung for rung in one.plan.rungs}
    missing = {key: rung for key, rung in keys.items() if store.adapters.get(key) is None}
    if missing:
        with Progress("train", 1, "token") as progress:
            reading.train_reading(one, missing, store, models.load_base(folder), RECIPE, made, progress.step)
    return {
        rung.books: file_digest(store.adapters.path(key) / "adapter_model.safetensors") for key, rung in keys.items()
    }


def test_a_reading_trained_twice_gives_the_same_bytes(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = []
    for name in ("one", "two"):
        monkeypatch.setenv("LTM_KEYED", str(tmp_path / name))
        found.append(train_all(folder, a_reading([3, 8])))
    assert found[0] == found[1]


def test_a_longer_ladder_keeps_the_smaller_rungs_and_continues_the_trunk(
    folder: Path, keyed_root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = train_all(folder, a_reading([3, 5]))
    taken: list[int] = []
    whole = Trunk.take

    def counted(trunk: Trunk, step: plan.Step, rate: float) -> float:
        taken.append(trunk.done)
        return whole(trunk, step, rate)

    monkeypatch.setattr(Trunk, "take", counted)
    after = train_all(folder, a_reading([3, 5, 8]))
    assert {rung: after[rung] for rung in before} == before
    assert min(taken) == a_plan(8, [3, 5, 8]).rungs[1].branch


def test_a_rung_of_a_single_step_is_a_rung_like_others(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = []
    for name, rungs in (("both", [1, 8]), ("alone", [1])):
        monkeypatch.setenv("LTM_KEYED", str(tmp_path / name))
        one = a_reading(rungs)
        assert (one.plan.rungs[0].branch, one.plan.rungs[0].end) == (0, 1)
        found.append(train_all(folder, one))
    assert found[0][1] == found[1][1]
    assert found[0][8] != found[0][1]


def test_the_adapter_loads_with_peft_alone_and_its_card_says_what_it_is(folder: Path, keyed_root: Path) -> None:
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    train_all(folder, a_reading([3]))
    found = next((keyed_root / "adapters").rglob("adapter_config.json")).parent
    PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(folder), found)
    card = (found / "README.md").read_text()
    for said in (models.read_facts(folder)["fingerprint"], "tiered", "| draw | 0 |", "| init | 0 |", "| rung | 3 |"):
        assert said in card
    assert len((found / "books.csv").read_text().splitlines()) == 4


@pytest.mark.parametrize("rate", [float("inf")])
def test_a_loss_that_is_not_finite_stops_with_a_remedy(folder: Path, rate: float) -> None:
    trunk = Trunk(models.load_base(folder), RECIPE, 0)
    step = a_plan(4, [4]).steps[0]
    with pytest.raises(UserError, match=r"lower train\.learning_rate"):
        for _ in range(4):
            trunk.take(step, rate)


def test_more_inits_are_for_the_readings_that_are_named() -> None:
    reading.check_init_readings(["tiered-real-d0"], ["tiered-real-d0", "tiered-other_prose-d0"])
    with pytest.raises(UserError, match=r"train\.init_readings names 'tiered-d0'; the readings are tiered-real-d0"):
        reading.check_init_readings(["tiered-d0"], ["tiered-real-d0"])
