"""The scores as local modules of the `evaluate` library give the numbers of the items table."""

import os
import warnings
from typing import Any

import numpy as np
import pandas as pd
import pytest
from conftest import ROOT

from stages.shared.measures import book_gains

MODULE = str(ROOT / "stages/evaluate/measures/saturation_score.py")


@pytest.fixture(scope="module")
def load(tmp_path_factory: pytest.TempPathFactory) -> Any:
    os.environ["HF_EVALUATE_OFFLINE"] = "1"
    os.environ["HF_MODULES_CACHE"] = str(tmp_path_factory.mktemp("modules"))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the library's own imports
        import evaluate

    def loaded(name: str) -> Any:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return evaluate.load(MODULE, name, cache_dir=str(tmp_path_factory.mktemp("cache")))

    return loaded


def test_prediction_and_forgetting_are_opposite_signs_of_one_gain(load: Any) -> None:
    asked: dict[str, Any] = {"predictions": [610.0, 300.0], "references": [640.0, 310.0], "bytes": [500, 300]}
    assert load("prediction").compute(**asked) == {"prediction": pytest.approx(0.05)}
    assert load("forgetting").compute(**asked) == {"forgetting": pytest.approx(-0.05)}


@pytest.mark.parametrize("name", ["explanation", "order", "chain"])
def test_a_contrast_is_what_the_own_context_saves_beyond_the_base(load: Any, name: str) -> None:
    found = load(name).compute(predictions=[[90.0, 110.0]], references=[[95.0, 105.0]], bytes=[100])
    assert found == {name: pytest.approx(0.1)}


def test_divergence_is_zero_for_one_model_and_one_bit_for_strangers(load: Any) -> None:
    same = np.log([[0.5, 0.25, 0.25]])
    found = load("divergence").compute(predictions=same.tolist(), references=same.tolist())
    assert found == {"kl": pytest.approx(0.0), "js": pytest.approx(0.0), "flips": 0.0}
    apart = np.log([[1 - 1e-12, 1e-12], [1e-12, 1 - 1e-12]])
    found = load("divergence").compute(predictions=apart[:1].tolist(), references=apart[1:].tolist())
    assert found["js"] == pytest.approx(1.0, abs=1e-6)
    assert found["flips"] == 1.0


def rows_of(reading: str, rung: int, bits: dict[tuple[str, str], float]) -> list[dict[str, Any]]:
    cell = {
        "reading": reading,
        "order": "tiered",
        "arm": "real" if rung else "base",
        "draw": 0,
        "init": 0,
        "rung": rung,
    }
    book = {"top": False, "half": "B", "book_id": "b", "author": "A", "tier": "core", "category": "c", "language": "en"}
    item = {"stratum": "random", "item": "i", "bytes": 100, "tokens": 30}
    return [cell | book | item | {"score": s, "condition": c, "bits": value} for (s, c), value in bits.items()]


def test_the_modules_give_the_gains_of_the_items_table(load: Any) -> None:
    wrong = {("explanation", f"wrong-{draw}"): 50.0 + draw for draw in range(4)}
    base = {("prediction", "passage"): 120.0, ("explanation", "own"): 45.0} | wrong
    cell = {("prediction", "passage"): 110.0, ("explanation", "own"): 40.0} | {
        key: bits - 1 for key, bits in wrong.items()
    }
    found = book_gains(pd.DataFrame(rows_of("base", 0, base) + rows_of("r", 10, cell))).set_index("measure")["gain"]
    prediction = load("prediction").compute(predictions=[110.0], references=[120.0], bytes=[100])
    explanation = load("explanation").compute(predictions=[[40.0, 50.5]], references=[[45.0, 51.5]], bytes=[100])
    assert found["prediction"] == pytest.approx(prediction["prediction"])
    assert found["explanation"] == pytest.approx(explanation["explanation"])


def test_an_unknown_score_is_refused(load: Any) -> None:
    with pytest.raises(ValueError, match="valid are prediction, forgetting"):
        load("wisdom")
