"""Own thinking: what the filter refuses, what the guard stops, what is drawn, what is equal, what is a verdict."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from study import own_prose
from transformers import AutoModelForCausalLM

from stages.reflect import budget, rules
from stages.reflect.compare import BEAT, KEPT, NOT, UNDECIDED, Chance, Comparison
from stages.reflect.guard import Guard
from stages.reflect.material import Text
from stages.reflect.sampler import Drawing, draw, sample
from stages.reflect.settings import FilterParams, GuardParams
from stages.reflect.writing import whole_sentences

LIMITS = FilterParams(
    pool=8, min_tokens=20, linkage=0.1, copied=8, likeness=0.3, distinct=0.4, squeezed=0.4, letters=0.7, agreement=0.0
)
GOOD = (
    "If a city forgets the names of those who built it, then its stones begin to speak for them, and whoever listens "
    "hears less of the past than of his own fear. That would follow only where memory is held by things and not by us."
)
READ = {"a": own_prose(1)[0], "b": own_prose(2)[0]}


def reason(text: str, language: str = "en", tokens: int = 60) -> str:
    """The reason of the rules that need no model."""
    read = rules.read_of(READ, LIMITS.copied)
    form = rules.form_reason(text, tokens, language, LIMITS)
    return form or rules.copy_reasons({"new": text}, read, {}, LIMITS.likeness).get("new", "")


def test_a_text_of_its_own_passes() -> None:
    assert reason(GOOD) == ""


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("  \n", "empty: nothing was written"),
        ("It holds. " * 30, "degenerate: 3% of its words are distinct"),
        ("| 12 | 0.3 | 77 | -- | 4.5 |\n" * 6, "degenerate: 0% of its signs are letters"),
        ("Если верно и то и другое, то память города держится на камнях, а не на людях, которые их клали.", "Cyrillic"),
        (
            f"{GOOD[:60]} {' '.join(own_prose(1)[0].split()[5:16])} {GOOD[60:]}",
            "runs of 8 words stand in what was read",
        ),
        (own_prose(2)[0].upper(), "copy: 100% of its runs of 8 words stand in what was read"),
    ],
)
def test_copies_loops_and_junk_are_refused_with_their_reason(text: str, said: str) -> None:
    assert said in reason(text)


def test_a_loop_of_many_distinct_words_is_known_by_what_zlib_leaves_of_it() -> None:
    loose = LIMITS.model_copy(update={"distinct": 0.0})
    assert "zlib squeezes it to 0." in rules.degenerate(f"{GOOD} " * 4, "en", loose)
    assert rules.degenerate(GOOD, "en", loose) == ""


def test_a_short_text_is_refused() -> None:
    assert reason(GOOD, tokens=19) == "short: 19 tokens"


def test_a_text_like_one_read_or_written_before_is_a_copy_though_no_long_run_is_the_same() -> None:
    words = GOOD.split()
    alike = " ".join("indeed" if place % 14 == 13 else word for place, word in enumerate(words))
    read = rules.read_of(READ, 50)
    assert rules.copy_reasons({"new": alike}, read, {"old": GOOD}, 0.3) == {"new": "copy: it is like old"}
    assert rules.copy_reasons({"one": GOOD, "two": alike}, read, {}, 0.3) == {"two": "copy: it is like one"}
    assert rules.copy_reasons({"new": alike}, read, {}, 0.3) == {}


def test_words_keep_their_marks_and_lose_punctuation() -> None:
    assert rules.words_of("The ‘Lord’s’ कर्मणि, 道可。") == [*("the", "lord", "s", "कर्मणि", "道", "可")]


def test_a_script_that_does_not_space_its_words_is_compared_by_characters() -> None:
    read = rules.read_of({"a": "道可道非常道名可名非常名无名天地之始有名万物之母"}, 8)
    assert rules.copied_share("我说道可道非常道名可名而已", read) > 0
    assert rules.copied_share("天地之间其犹橐龠乎虚而不屈动而愈出", read) == 0


def test_too_little_linkage_and_too_little_agreement_are_refused() -> None:
    assert rules.model_reason(0.01, 0.02, 0.1, LIMITS) == "linkage: 0.010 bits a byte, the floor is 0.020"
    assert rules.model_reason(0.03, 0.02, 0.0, LIMITS).startswith("agreement: 0.000 bits a byte")
    assert rules.model_reason(0.03, 0.02, 0.1, LIMITS) == ""
    assert rules.model_reason(0.03, 0.02, None, LIMITS) == ""


def test_each_rule_counts_what_it_refused() -> None:
    found = rules.counted(["", "copy: it is like b", "copy: 3%", "short: 3 tokens"])
    assert found == {"passed": 1, "empty": 0, "short": 1, "degenerate": 0, "copy": 2, "linkage": 0, "agreement": 0}


WATCH = GuardParams(diversity=0.6, control=0.05, probe_a=0.02)


def test_a_planted_collapse_of_what_is_written_is_stopped() -> None:
    first = tuple(own_prose(seed)[0] for seed in range(6))
    guard = Guard(WATCH, first)
    assert guard.of_writing([own_prose(seed)[1] for seed in range(6)], 6) is None
    assert "diversity of what was written is 0." in str(guard.of_writing([first[0]] * 6, 6))
    assert guard.of_writing(first[:1], 1) is None  # fewer texts are no collapse
    assert str(guard.of_writing(first, 0)) == "none of 6 written texts passed the filter"


def test_a_model_that_forgets_or_fails_on_probe_a_is_stopped() -> None:
    guard = Guard(WATCH, ("a",))
    assert guard.of_model(-0.04, -0.01) is None
    assert str(guard.of_model(-0.06, 0.1)) == "control text takes 0.0600 bits a byte more, the limit is 0.05"
    assert str(guard.of_model(0.1, -0.03)) == "probe A takes 0.0300 bits a byte more, the limit is 0.02"
    assert guard.of_model(float("nan"), float("nan")) is None  # a probe without them


def texts(sizes: list[int]) -> list[Text]:
    return [Text(f"t{i}", f"b{i}", "en", "x", tuple(range(size))) for i, size in enumerate(sizes)]


SIZES = st.lists(st.integers(0, 40), min_size=1, max_size=6).filter(any)


@given(SIZES, st.lists(st.integers(1, 200), min_size=1, max_size=4))
def test_a_reel_gives_exactly_the_tokens_asked_for_and_no_text_twice_in_a_pass(
    sizes: list[int], asked: list[int]
) -> None:
    reel, names = budget.at_random(texts(sizes), 1), list[str]()
    for tokens in asked:
        pieces = reel.take(tokens)
        assert budget.tokens_in(pieces) == tokens
        names += [name for name, _ in pieces]
    assert len(set(names)) == len(names)


@given(SIZES, SIZES, st.integers(2, 300))
def test_self_written_texts_are_at_most_half_of_a_round_and_real_ones_the_rest(
    own: list[int], real: list[int], tokens: int
) -> None:
    pool = budget.Pool.empty()
    for one in texts(own):
        pool.add(one.name, one.ids)
    pieces, count = budget.mixed(pool, budget.at_random(texts(real), 1), tokens, 7)
    assert budget.tokens_in(pieces) == tokens
    assert count == budget.tokens_in([one for one in pieces if one[0].startswith("own:")]) == min(sum(own), tokens // 2)


def test_written_texts_accumulate_and_those_read_least_come_first() -> None:
    pool = budget.Pool.empty()
    pool.add("old", (1, 2))
    assert [name for name, _ in pool.take(9)] == ["own:old"]
    pool.add("new", (3, 4))
    assert [name for name, _ in pool.take(9)] == ["own:new", "own:old"]


def test_each_replicate_begins_at_another_of_the_next_books() -> None:
    found = [budget.in_turn(texts([5] * 6), replicate, 3).take(12) for replicate in range(3)]
    assert [[name for name, _ in pieces] for pieces in found] == [
        ["0:t0", "0:t1", "0:t2"],
        ["0:t2", "0:t3", "0:t4"],
        ["0:t4", "0:t5", "0:t0"],
    ]


def test_a_token_is_drawn_from_the_smallest_set_that_has_top_p() -> None:
    logits = np.log(np.array([0.5, 0.3, 0.15, 0.05]))
    whole, few = Drawing(1.0, 1.0, 1), Drawing(1.0, 0.7, 1)
    assert [draw(logits, whole, chance) for chance in (0.0, 0.49, 0.51, 0.81, 0.99)] == [0, 0, 1, 2, 3]
    assert [draw(logits, few, chance) for chance in (0.0, 0.62, 0.63, 0.99)] == [0, 0, 1, 1]
    assert draw(logits, Drawing(0.01, 1.0, 1), 0.99) == 0  # cold: the likeliest


def test_what_was_cut_off_loses_its_last_sentence() -> None:
    assert whole_sentences(" It is so. And then it") == "It is so."
    assert whole_sentences('He said: "It is." Then') == 'He said: "It is."'
    assert whole_sentences("no end at all") == "no end at all"


def planted(own: float, other: float, noise: float, seed: int = 0) -> Comparison:
    """Own thinking and both ways to read on 8 books and 3 replicates, with planted mean gains."""
    rng = np.random.default_rng(seed)
    chance = Chance.of(8, 3, 2000, 0.9, 1)
    books = 0.01 * rng.standard_normal(8)

    def arm(value: float) -> Any:
        return value + books + noise * rng.standard_normal((3, 8))

    first = arm(own)
    beside = {name: chance.interval(first - arm(other)) for name in ("next", "replay")}
    return Comparison("tokens", chance.interval(first), beside)


def test_a_planted_difference_gives_its_verdict() -> None:
    assert planted(0.02, 0.01, 0.001).verdict == BEAT
    assert planted(0.01, 0.02, 0.001).verdict == NOT
    assert planted(0.011, 0.010, 0.01).verdict == UNDECIDED


def test_own_thinking_that_gains_nothing_beats_no_reading_that_loses() -> None:
    assert planted(0.0, -0.2, 0.001).verdict == KEPT
    assert planted(-0.01, -0.2, 0.001).verdict == KEPT


def test_an_interval_holds_the_truth_at_least_as_often_as_it_says() -> None:
    """The mean of the books and replicates drawn, over 200 draws of both; 90 % intervals may be wide, not narrow."""
    rng, hits = np.random.default_rng(3), 0
    for seed in range(200):
        values = (
            0.01 * rng.standard_normal(8) + 0.01 * rng.standard_normal((3, 1)) + 0.005 * rng.standard_normal((3, 8))
        )
        found = Chance.of(8, 3, 500, 0.9, seed).interval(values)
        hits += found.low <= 0 <= found.high
    assert hits >= 170


def test_sampled_tokens_are_those_of_the_plain_definition_whatever_stands_beside_them(tiny_base: Path) -> None:
    model = AutoModelForCausalLM.from_pretrained(tiny_base, dtype=torch.float32).eval()
    drawing = Drawing(0.9, 0.95, 12)
    prompts = [[5, 6, 7, 8, 9], [30], list(range(40, 60))]
    seeds = [[11, 12], [21, 22], [31, 32]]
    together = sample(model, 0, prompts, {1}, drawing, seeds)
    for prompt, row, texts in zip(prompts, seeds, together, strict=True):
        assert [plain(model, prompt, drawing, seed) for seed in row] == texts
    assert len({tuple(text) for texts in together for text in texts}) == 6


def plain(model: Any, prompt: list[int], drawing: Drawing, seed: int) -> list[int]:
    """The definition itself: the whole text is run anew for every token, alone and without a cache."""
    chance, text = np.random.default_rng(seed), list[int]()
    for _ in range(drawing.max_tokens):
        with torch.no_grad():
            logits = model(torch.tensor([[0, *prompt, *text]])).logits[0, -1]
        values, tokens = (part.numpy() for part in logits.topk(256))
        token = int(tokens[draw(values.astype(float), drawing, chance.random())])
        if token == 1:
            break
        text.append(token)
    return text
