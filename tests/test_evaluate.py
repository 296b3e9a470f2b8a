import math
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from conftest import prose
from hypothesis import given, settings
from hypothesis import strategies as st

from stages import base
from stages.evaluate import __main__ as evaluate
from stages.evaluate import cell, conditions
from stages.shared import adapters, models, scoring
from stages.shared.progress import Progress
from stages.shared.scenefile import Scene, write_accepted
from stages.shared.scoring import Request


@pytest.fixture(scope="module")
def tiny(tiny_base: Path, tmp_path_factory: pytest.TempPathFactory) -> models.Base:
    folder = tmp_path_factory.mktemp("base")
    base.write_base(f"path:{tiny_base}", {}, folder)
    return models.load_base(folder)


def letters(text: str) -> list[int]:
    return [ord(char) for char in text]


def item(seed: int) -> dict[str, Any]:
    pieces = [f"{piece}. " for piece in prose(seed, 1)[0].rstrip(".").split(". ")]
    pieces[-1] = pieces[-1].rstrip()
    text = "".join(pieces)
    explanation = "".join(pieces[:3]).rstrip()
    return {
        "item": f"i{seed}",
        "book_id": f"b{seed % 2}",
        "text": text,
        "explanation": explanation,
        "conclusion": text[len(explanation) :],
        "wrong": [prose(seed + 50 + k, 1)[0][: len(explanation)] for k in range(4)],
        "premise": pieces[0],
        "middle": pieces[1:-1],
        "shuffled": list(range(len(pieces) - 2))[::-1],
        "last": pieces[-1],
    }


def test_every_condition_of_a_score_scores_the_same_tokens() -> None:
    row = item(1)
    for found in (
        conditions.explanation(row, letters),
        conditions.order(row, letters),
        conditions.chain(row, "It is. So it was. Why?", "No.", letters),
    ):
        assert len({one.request.ids[one.request.start :] for one in found}) == 1
        assert len({one.bytes for one in found}) == 1


def test_own_explanation_and_ordered_sentences_are_the_passage_itself() -> None:
    row = item(2)
    passage = conditions.prediction(row, letters)[0].request.ids
    assert conditions.explanation(row, letters)[0].request.ids == passage
    assert conditions.order(row, letters)[0].request.ids == passage


def test_a_shuffled_order_has_the_same_words() -> None:
    ordered, shuffled = conditions.order(item(3), letters)
    assert ordered.request.ids != shuffled.request.ids
    assert sorted(ordered.request.ids) == sorted(shuffled.request.ids)


def test_an_item_without_wrong_explanations_has_no_such_score() -> None:
    assert conditions.explanation(item(1) | {"wrong": []}, letters) == []
    assert conditions.order(item(1) | {"middle": []}, letters) == []


def plain_bits(model: Any, prefix: int, ids: tuple[int, ...], start: int) -> list[float]:
    """The definition itself: one sequence, no batch, the whole softmax."""
    with torch.no_grad():
        logits = model(torch.tensor([[prefix, *ids[:-1]]])).logits[0]
    chances = torch.log_softmax(logits.double(), -1)
    return [-float(chances[at, ids[at]]) / math.log(2) for at in range(start, len(ids))]


@settings(max_examples=40)
@given(
    st.lists(
        st.tuples(st.lists(st.integers(2, 399), min_size=1, max_size=40), st.floats(0, 0.99)), min_size=1, max_size=6
    )
)
def test_batched_bits_are_those_of_the_plain_definition(
    tiny: models.Base, asked: list[tuple[list[int], float]]
) -> None:
    requests = [Request(tuple(ids), int(share * len(ids))) for ids, share in asked]
    found = scoring.score(tiny.model, tiny.prefix, requests, batch_tokens=64)
    for request, scored in zip(requests, found, strict=True):
        assert scored.bits == pytest.approx(plain_bits(tiny.model, tiny.prefix, request.ids, request.start), abs=1e-3)


@settings(max_examples=40)
@given(
    st.lists(st.integers(2, 399), min_size=16, max_size=30),
    st.lists(st.lists(st.integers(2, 5), max_size=12), max_size=6),
)
def test_sequences_that_begin_alike_are_scored_as_if_each_stood_alone(
    tiny: models.Base, stem: list[int], tails: list[list[int]]
) -> None:
    requests = [Request((*stem, *tail), len(stem) // 2) for tail in [[], *tails]]
    found = scoring.score(tiny.model, tiny.prefix, requests, [True] * len(requests), batch_tokens=90, firsts=True)
    for request, scored in zip(requests, found, strict=True):
        assert scored.bits == pytest.approx(plain_bits(tiny.model, tiny.prefix, request.ids, request.start), abs=1e-3)
        alone = scoring.score(tiny.model, tiny.prefix, [request], [True], firsts=True)[0]
        assert scored.hidden == pytest.approx(alone.hidden, abs=2e-2)
        assert (scored.first == alone.first).all()


def test_what_sequences_begin_with_is_run_once(tiny: models.Base) -> None:
    ran: list[int] = []
    stem = tuple(range(2, 42))
    requests = [Request((*stem, *range(100, 100 + size)), 40) for size in (5, 6, 7)]
    scoring.score(tiny.model, tiny.prefix, requests, tell=ran.append)
    assert sum(ran) == 41 + 6  # the prefix, the stem, and 100 ... 105: the longest holds the others
    assert scoring.tokens_to_run(tiny.prefix, requests) == 47


@pytest.mark.parametrize("size", [5, 64, 65, 200])
def test_a_document_longer_than_the_context_is_read_in_windows(tiny: models.Base, size: int) -> None:
    ids = [int(value) for value in np.random.default_rng(size).integers(2, 399, size)]
    expected = sum(plain_bits(tiny.model, tiny.prefix, tuple(ids[:64]), 0))
    for done in range(64, size, 64):
        end = min(size, done + 64)
        window = tuple(ids[end - 64 : end])
        expected += sum(plain_bits(tiny.model, ids[end - 65], window, done - (end - 64)))
    assert scoring.document_bits(tiny.model, tiny.prefix, ids, 64) == pytest.approx(expected, abs=1e-2)


def test_a_shared_sequence_is_run_once(tiny: models.Base) -> None:
    ran: list[int] = []
    requests = [Request((5, 6, 7), 0), Request((5, 6, 7), 2)]
    scoring.score(tiny.model, tiny.prefix, requests, tell=ran.append)
    assert ran == [3]


def test_a_request_that_scores_nothing_is_refused(tiny: models.Base) -> None:
    with pytest.raises(ValueError, match="scores from 3 of 3 tokens"):
        scoring.score(tiny.model, tiny.prefix, [Request((5, 6, 7), 3)])


def states_of(base: models.Base, seed: int) -> np.ndarray[Any, Any]:
    ids = tuple(int(value) for value in np.random.default_rng(seed).integers(2, 399, 30))
    return scoring.score(base.model, base.prefix, [Request(ids)], [True])[0].hidden


def test_a_model_does_not_diverge_from_itself(tiny: models.Base) -> None:
    states = states_of(tiny, 1)
    apart = scoring.divergence((tiny.model.lm_head,) * 2, states, states)
    assert abs(apart.kl).max() < 1e-5
    assert abs(apart.js).max() < 1e-5
    assert not apart.flips.any()


def test_divergence_equals_its_definition(tiny: models.Base) -> None:
    ours, theirs = states_of(tiny, 1), states_of(tiny, 2)
    apart = scoring.divergence((tiny.model.lm_head,) * 2, ours, theirs, rows=7)
    weight = tiny.model.lm_head.weight.detach().double().numpy()
    logits = [states.astype(np.float64) @ weight.T for states in (ours, theirs)]
    p, q = (np.exp(x - x.max(-1, keepdims=True)) for x in logits)
    p, q = p / p.sum(-1, keepdims=True), q / q.sum(-1, keepdims=True)
    mean = (p + q) / 2
    js = (p * np.log2(p / mean)).sum(-1) / 2 + (q * np.log2(q / mean)).sum(-1) / 2
    assert apart.kl == pytest.approx((p * np.log2(p / q)).sum(-1), abs=1e-4)
    assert apart.js == pytest.approx(js, abs=1e-4)
    assert (apart.flips == (p.argmax(-1) != q.argmax(-1))).all()


def probe_of(count: int) -> cell.Probe:
    items = [item(seed) for seed in range(count)]
    names = frozenset(row["item"] for row in items)
    control = [{"item": "argparse:x", "book_id": "argparse", "text": "Return the value."}]
    scenes = [{"item": "scene-1", "book_id": "b0", "text": prose(99, 1)[0]}]
    return cell.Probe(items, scenes, control, names, names, frozenset(sorted(names)[:2]), names)


def score(base: models.Base, model: Any, probe: cell.Probe, reference: cell.Cell | None) -> cell.Cell:
    return cell.score_cell(model, base, probe, evaluate.encoder(base), reference, 8, 256, partial(Progress, "test"))


def test_a_cell_has_every_score_and_an_adapter_scaled_by_zero_is_the_base(tiny: models.Base, tmp_path: Path) -> None:
    from peft import LoraConfig, get_peft_model

    fresh = models.load_base(tiny.folder)
    get_peft_model(fresh.model, LoraConfig(r=2, target_modules="all-linear")).save_pretrained(tmp_path)  # B is zero
    probe = probe_of(4)
    reference = score(tiny, tiny.model, probe, None)
    adapted = score(tiny, adapters.load(tiny, tmp_path), probe, reference)
    scores = {row["score"] for row in adapted.rows}
    assert scores == {"prediction", "explanation", "order", "chain", "divergence", "forgetting"}
    bits = {(row["item"], row["score"], row["condition"]): row["bits"] for row in reference.rows}
    for row in adapted.rows:
        if row["score"] == "divergence":
            assert abs(row["bits"]) < 1e-3
        else:
            assert row["bits"] == pytest.approx(bits[row["item"], row["score"], row["condition"]], abs=1e-3)


def test_a_cell_survives_the_store(tiny: models.Base, tmp_path: Path) -> None:
    found = score(tiny, tiny.model, probe_of(3), None)
    evaluate.write_cell(found, tmp_path)
    again = evaluate.read_cell(tmp_path)
    assert again.rows == found.rows
    assert again.chains == found.chains
    assert (again.states == found.states).all()


def test_the_second_stratum_is_of_scenes_that_passed_the_gate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evaluate, "SCENES", tmp_path / "scenes.jsonl")
    facts: dict[str, Any] = dict.fromkeys(("title", "author", "language", "tier", "category", "kind", "chapter"), "x")
    numbers: dict[str, Any] = dict.fromkeys(("density", "tokens", "words", "bytes", "first", "last", "page"), 1)
    scenes = [
        Scene(f"{book}-p{n}", book, **facts, **numbers, rank=n, sha256="", forms={"passage": f"{book} {n}"})
        for book in ("a", "b")
        for n in (2, 0, 1)  # one that a person pinned comes first
    ]
    write_accepted(tmp_path / "scenes.jsonl", scenes)
    found = evaluate.picked_scenes(["b", "c"], 2)
    assert found == [{"item": f"b-p{n}", "book_id": "b", "text": f"b {n}"} for n in (2, 0)]


def test_dear_scores_are_of_so_many_passages_of_each_book_and_in_all() -> None:
    items = [{"item": f"{book}{number}", "book_id": book} for book in "abcd" for number in range(3)]
    each = evaluate.some_of_each(items, 2, "x")
    assert sorted(name[0] for name in each) == sorted("abcd" * 2)
    assert evaluate.some_of_each(items, 2, "x", 5) < each
    assert len(evaluate.some_of_each(items, 2, "x", 5)) == 5
