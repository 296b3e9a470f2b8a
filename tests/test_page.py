"""The page: what it holds, what it says is missing, and that a book's text is never markup."""

import base64
import dataclasses
import gzip
import hashlib
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import lxml.html
import pytest

import stages.page.__main__ as stage
from stages.page.build import enclosed, number, packed_text, vega
from stages.page.charts import draw
from stages.page.metrics import flat, read_metrics, typed
from stages.shared.errors import UserError
from stages.shared.scenefile import read_accepted, write_accepted
from tests.conftest import ROOT
from tests.page_project import BOOKS, HOSTILE, write_project


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A small finished study, and the place in it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", ["page"])
    return write_project(tmp_path, BOOKS)


def page() -> str:
    """The page as the stage writes it."""
    stage.main()
    return stage.OUT.read_text(encoding="utf-8")


def unpacked(element: Any) -> str:
    return gzip.decompress(base64.b64decode(element.text)).decode()


def scenes_of(html: str) -> dict[str, Any]:
    """What the page holds of every scene, by id."""
    root = lxml.html.fromstring(html)
    index = json.loads(unpacked(root.get_element_by_id("data-index")))
    lines = [line for block in root.find_class("block") for line in unpacked(block).split("\n")[:-1]]
    parts = zip(index["id"], index["state"], lines[::2], lines[1::2], strict=True)
    return {
        name: {"state": state, "passage": json.loads(text), **json.loads(more)} for name, state, text, more in parts
    }


def test_the_page_holds_every_scene_with_its_forms(project: Path) -> None:
    found = scenes_of(page())
    assert [found[f"{name}-p0"]["passage"] for name in BOOKS] == [book[5][0] for book in BOOKS.values()]
    assert found["own-004-p0"]["forms"]["qa"] == {"question": "Why?", "answer": BOOKS["own-004"][5][0]}
    assert found["own-001-p1"]["scores"] == {"questions": 0.92}


def test_the_same_inputs_give_the_same_bytes(project: Path) -> None:
    assert page() == page()


def test_no_text_of_a_book_is_markup(project: Path) -> None:
    root = lxml.html.fromstring(page())
    assert not root.xpath("//img | //*[@onerror] | //*[@src] | //iframe | //object")
    assert len(root.xpath("//script[not(@type)]")) == 2
    assert HOSTILE.split("{{")[0].strip() in re.sub(r"\s+", " ", root.get_element_by_id("report").text_content())


def test_the_policy_lets_only_the_pages_own_scripts_and_style_in(project: Path) -> None:
    root = lxml.html.fromstring(page())
    policy = root.xpath("//meta[@http-equiv='Content-Security-Policy']/@content")[0]
    parts = [element.text for element in root.xpath("//script[not(@type)] | //style")]
    digests = [base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in parts]
    assert all(f"'sha256-{digest}'" in policy for digest in digests) and len(digests) == 3
    assert policy.startswith("default-src 'none'") and "unsafe" not in policy and "http" not in policy


def test_no_link_leads_out_of_the_page(project: Path) -> None:
    assert all(link.startswith("#") for link in lxml.html.fromstring(page()).xpath("//@href"))


def test_a_script_cannot_end_its_element() -> None:
    assert not re.search("</script|<!--", enclosed("'</script><!--'"))


def test_packed_text_is_never_markup() -> None:
    assert re.fullmatch(r"[A-Za-z0-9+/=]+", packed_text(HOSTILE))
    assert gzip.decompress(base64.b64decode(packed_text(HOSTILE))).decode() == HOSTILE


def test_tables_of_later_studies_are_shown_where_they_are_and_told_where_not(project: Path) -> None:
    assert "Not run: there is no metrics/flashes.csv" in page()
    (project / "metrics/flashes.csv").write_text("book_id,scene,gain\nown-001,own-001-p0,0.012\n")
    root = lxml.html.fromstring(page())
    section = root.get_element_by_id("flashes")
    assert [cell.text_content().strip() for cell in section.xpath(".//td")] == ["own-001", "own-001-p0", "0.0120"]
    assert section.xpath(".//td/a/@href") == ["#q=book%3Aown-001", "#scene=own-001-p0"]


@pytest.mark.parametrize("name", ["metrics/saturation.json", "data/shelf.csv", "data/validate/scenes.jsonl"])
def test_a_missing_input_is_named_with_its_remedy(project: Path, name: str) -> None:
    (project / name).unlink()
    with pytest.raises(UserError, match=rf"{name} is missing; run `dvc repro"):
        stage.main()


def test_a_missing_package_is_named_with_its_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "vl_convert", None)
    with pytest.raises(UserError, match="vl-convert-python is not installed; run `make page`"):
        vega.__wrapped__()


def test_a_person_sees_what_became_of_a_decision(project: Path) -> None:
    path = project / "data/validate/scenes.jsonl"
    scenes = list(read_accepted(path))
    picked = scenes[1].sha256
    mended = dataclasses.replace(scenes[1], curated="replaced", forms={"passage": "Mended."}, sha256="0" * 64)
    write_accepted(path, [mended])
    rejected = "own-001-p0,own-001,dropped by a person: a list\nown-003-p0,own-003,length in tokens\n"
    (project / "data/validate/rejected.csv").write_text(f"scene_id,book_id,reason\n{rejected}")
    found = scenes_of(page())
    assert [found[f"own-00{name}"]["state"] for name in ("1-p0", "1-p1", "3-p0")] == ["dropped", "replaced", "rejected"]
    assert (found["own-001-p1"]["passage"], found["own-001-p1"]["sha256"]) == ("Mended.", picked)
    assert found["own-001-p0"]["why"] == "dropped by a person: a list"


def test_the_accounts_hold_shelf_and_bookmap(project: Path) -> None:
    columns = json.loads(unpacked(lxml.html.fromstring(page()).get_element_by_id("data-books")))
    fates = dict(zip(columns[0], zip(columns[6], columns[7], columns[8], strict=True), strict=True))
    assert fates["own-001"][0] == "used" and fates["own-002"][0] == "probe"
    assert fates["own-005"][:2] == ("rejected", "encrypted")
    assert fates["core-001"] == ("missing", "no file here", "data/library/pg/1/1.epub")


def test_a_chart_has_the_band_the_controls_and_what_may_not_decide(project: Path) -> None:
    charts = {chart.title: chart for chart in draw(read_metrics(project / "metrics"))}
    rows = charts["prediction gain"].rows
    assert [(row["series"], row["books"], row["low"]) for row in rows][1:] == [
        ("real books", 20, 0.03),
        ("shuffled words", 20, -0.06),
    ]
    assert [row["note"] for row in rows[:2]] == ["", "above half of the shelf"]
    assert max(row["books"] for row in charts["understanding beside the hypothesis"].rows) == 10_000


def test_the_poll_curve_is_drawn_where_one_was_read(project: Path) -> None:
    assert "no two draws of one rung are without a common book" in page()
    columns = "books,divergence,divergence_low,divergence_high,init_divergence,init_divergence_low,init_divergence_high"
    (project / "metrics/poll.csv").write_text(f"{columns}\n10,0.1,0.08,0.12,,,\n20,0.05,0.04,0.06,0.02,0.01,0.03\n")
    found = [chart for chart in draw(read_metrics(project / "metrics")) if chart.section == "poll"]
    assert [[(row["books"], row["value"]) for row in chart.rows] for chart in found] == [
        [(10, 0.1), (20, 0.05), (20, 0.02)]
    ]


def test_git_ignores_the_page() -> None:
    answer = subprocess.run(["git", "check-ignore", "-q", str(stage.OUT)], cwd=ROOT, check=False)
    assert answer.returncode == 0


def test_fields_become_what_they_stand_for() -> None:
    assert [typed(text) for text in ("10", "-0.5", "True", "", "nan", "core")] == [10, -0.5, True, None, None, "core"]
    assert [number(value) for value in (1234, 0.0172, None, True, 235.8)] == ["1,234", "0.0172", "-", "yes", "235.8"]
    assert flat({"a": {"b": 1}, "c": None}) == [("a.b", "1"), ("c", "-")]
