"""The charts of the page as Vega-Lite: lines with bands over the books read, values under the pointer.

Colours are the page's own custom properties, so that one chart serves light, dark and paper.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import altair as alt

from stages.page.metrics import Metrics, Row
from stages.shared.hypothesis import BOOKS, HIGH, LOW
from stages.shared.measures import MEASURES

COLOURS = ["var(--blue)", "var(--red)", "var(--purple)", "var(--green)", "var(--orange)", "var(--sky)"]
SHAPES = ["circle", "square", "triangle-up", "diamond", "triangle-down", "cross"]
FONT = 'system-ui, "Segoe UI", "Noto Sans", sans-serif'  # the page's own, so that labels are measured as they are drawn
REAL, LAW, NEAR, UNUSED = "real books", "hypothesis", "books read", "above half of the shelf"
GAINS, MOVES = ("prediction", "explanation", "order", "chain"), ("js", "kl", "flips", "forgetting")
Spec = dict[str, Any]


@dataclass(frozen=True)
class Chart:
    """A chart of a section: its title, its Vega-Lite specification and the rows behind it."""

    section: str
    title: str
    spec: Spec
    rows: list[Row]


def draw(metrics: Metrics) -> list[Chart]:
    """All charts for which there are numbers."""
    curve = metrics.curve
    measured = [*(("curve", name) for name in GAINS), *(("divergence", name) for name in MOVES)]
    charts = [gain(section, name, curve) for section, name in measured if known(curve, name)]
    charts += [*understanding(curve), *poll(metrics.table("poll")), *gap(curve), *coverage(metrics.table("coverage"))]
    return charts


def known(rows: Sequence[Row], name: str) -> bool:
    """Whether a column has a value with its interval in some row."""
    return any(row.get(f"{name}_low") is not None for row in rows)


def points(rows: Sequence[Row], columns: dict[str, str]) -> list[Row]:
    """One row for each measured value of the columns (series by column), with its interval."""
    return [
        {
            "books": row["books"],
            "series": series,
            "value": row[name],
            "low": row.get(f"{name}_low"),
            "high": row.get(f"{name}_high"),
            "note": "" if row.get("used_for_verdict", True) else UNUSED,
        }
        for name, series in columns.items()
        for row in rows
        if row.get(name) is not None
    ]


def gain(section: str, name: str, curve: Sequence[Row]) -> Chart:
    """One measure over the rungs, the controls beside it."""
    controls = [
        key for key in curve[0] if key.startswith(f"{name}_") and f"{key}_low" in curve[0] and key not in MEASURES
    ]
    columns = {name: REAL} | {key: key.removeprefix(f"{name}_").replace("_", " ") for key in controls}
    rows = points(curve, columns)
    return Chart(section, MEASURES[name].label, lines(rows, MEASURES[name].unit), rows)


def understanding(curve: Sequence[Row]) -> list[Chart]:
    """Understanding in points over the whole reach of the hypothesis, which is dashed."""
    law = [
        {"books": books, "series": LAW, "value": (low + high) / 2, "low": low, "high": high, "note": ""}
        for books, low, high in zip(BOOKS, LOW, HIGH, strict=True)
    ]
    columns = {f"understanding_{name}": MEASURES[name].label for name in MEASURES}
    rows = points(curve, {name: label for name, label in columns.items() if known(curve, name)})
    return [Chart("phases", "understanding beside the hypothesis", lines([*rows, *law], "points"), [*rows, *law])]


def poll(rows: Sequence[Row]) -> list[Chart]:
    """Divergence and correlation of disjoint draws, two starts of the same books beside them."""
    charts = []
    units = {"divergence": "Jensen-Shannon, bits per token", "correlation": "correlation of gains over passages"}
    for name, unit in units.items():
        found = points(rows, {name: "two draws without a common book", f"init_{name}": "two starts, same books"})
        charts += [Chart("poll", name, lines(found, unit), found)] if found else []
    return charts


def gap(curve: Sequence[Row]) -> list[Chart]:
    """What the corpus covers at each rung, beside the share of the top rung's gain."""
    rows = points(curve, {"coverage": "coverage of the corpus's terms", "gain_share": "share of the top rung's gain"})
    return [Chart("coverage", "corpus and model", lines(rows, "share"), rows)] if rows else []


def lines(rows: Sequence[Row], unit: str) -> Spec:
    """Lines with bands over books (logarithmic), a colour and a shape for each series, values under the pointer.

    A series of one point has a bar in place of a band and stands a little aside, so that none hides another.
    """
    count = Counter(row["series"] for row in rows)
    series, alone = list(count), [name for name in count if count[name] == 1]
    aside = {name: 1.035 ** (number + 1) for number, name in enumerate(alone)}
    moved = [{**row, "x": row["books"] * aside.get(row["series"], 1.0)} for row in rows]
    base = alt.Chart(alt.InlineData(values=moved)).encode(
        x=books_axis(sorted({row["books"] for row in rows})), color=colour(series), y=alt.Y("value:Q", title=unit)
    )
    reach = {"y": alt.Y("low:Q", title=unit), "y2": "high:Q"}
    single = alt.FieldOneOfPredicate("series", alone)
    zero = alt.Chart(alt.InlineData(values=[{"value": 0}])).mark_rule(color="var(--line)").encode(y="value:Q")
    band = base.mark_area(opacity=0.16).transform_filter({"not": single.to_dict()}).encode(**reach)
    bars = [base.mark_rule(opacity=0.7).transform_filter(single).encode(**reach)] if alone else []
    line = base.mark_line(strokeWidth=1.8).encode(
        strokeDash=alt.condition(f"datum.series == '{LAW}'", alt.value([5, 4]), alt.value([1, 0]))
    )
    mark = base.mark_point(size=54, strokeWidth=1.8, opacity=1).encode(
        shape=alt.Shape("series:N", scale=alt.Scale(domain=series, range=SHAPES), legend=legend(series)),
        fill=alt.condition("datum.note == ''", colour(series), alt.value("var(--paper)")),
    )
    return finished(alt.layer(zero, band, *bars, line, mark, ruler(rows)))


def colour(series: Sequence[str]) -> alt.Color:
    """The colour of each series; the hypothesis, which nobody measured, is grey."""
    hues = [COLOURS[number % len(COLOURS)] for number in range(len(series))]
    hues = ["var(--soft)" if name == LAW else hue for name, hue in zip(series, hues, strict=True)]
    return alt.Color("series:N", scale=alt.Scale(domain=list(series), range=hues), legend=legend(series))


def ruler(rows: Sequence[Row]) -> alt.Chart:
    """The number of books nearest to the pointer: a light bar, and every series there in words.

    The words are the data's own fields: Vega-Lite looks for encoded ones in the wrong place where marks are `nearest`.
    """
    words: dict[int, Row] = {}
    for row in rows:
        here = words.setdefault(row["books"], {NEAR: row["books"]})
        here |= {row["series"]: told(row)} | ({"may decide": f"no, {row['note']}"} if row["note"] else {})
    near = alt.selection_point(
        name="near", fields=[NEAR], nearest=True, on="pointerover", clear="pointerout", empty=False
    )
    data = alt.InlineData(values=[words[books] for books in sorted(words)])
    bar = alt.Chart(data).mark_rule(strokeWidth=14, tooltip=alt.TooltipContent("data"))
    chart: alt.Chart = bar.encode(
        x=alt.X(NEAR, type="quantitative"),
        color=alt.value("var(--ink)"),
        opacity=alt.condition(near, alt.value(0.08), alt.value(0)),
    ).add_params(near)
    return chart


def told(row: Row) -> str:
    """A value with its interval.

    Example: "0.0172 [0.0130, 0.0212]"
    """
    return short(row["value"]) + ("" if row["low"] is None else f" [{short(row['low'])}, {short(row['high'])}]")


def short(value: float) -> str:
    """A number with as many digits as its size needs.

    Example: 0.01719 -> "0.0172"; 235.8 -> "236"
    """
    return f"{value:.4f}" if abs(value) < 10 else f"{value:,.0f}"


def books_axis(books: Sequence[int]) -> alt.X:
    """A logarithmic axis with a tick at each number of books."""
    return alt.X(
        "x:Q",
        title=NEAR,
        scale=alt.Scale(type="log", domain=[books[0] / 1.12, books[-1] * 1.12], nice=False),
        axis=alt.Axis(values=list(books), format=",d", labelOverlap="greedy", grid=False),
    )


def legend(series: Sequence[str]) -> alt.Legend | None:
    """A legend below, where there is more than one series."""
    return alt.Legend(title=None, orient="bottom", columns=2, labelLimit=260) if len(series) > 1 else None


def coverage(rows: Sequence[Row]) -> list[Chart]:
    """The coverage of each group of books with its interval."""
    if not rows:
        return []
    named = [{**row, "group": f"{row['kind']} {row['name']}"} for row in rows]
    base = alt.Chart(alt.InlineData(values=named)).encode(
        y=alt.Y("group:N", title=None, sort=None),
        tooltip=[
            alt.Tooltip("group:N"),
            *(
                alt.Tooltip(f"{name}:Q", title=name.replace("_", " "))
                for name in ("books", "terms", "coverage", "coverage_low", "coverage_high", "chao2", "heaps")
            ),
        ],
    )
    reach = base.mark_rule(color="var(--green)", strokeWidth=2).encode(
        x=alt.X("coverage_low:Q", title="share of the next book's terms that is known", axis=alt.Axis(tickCount=6)),
        x2="coverage_high:Q",
    )
    dots = base.mark_point(color="var(--green)", fill="var(--green)", size=54, opacity=1).encode(x="coverage:Q")
    return [
        Chart("coverage", "coverage by group", finished(alt.layer(reach, dots), height=26 * len(named)), list(rows))
    ]


def finished(chart: alt.LayerChart | alt.FacetChart, height: int = 230) -> Spec:
    """The specification, as wide as its place, in the page's colours."""
    sized = chart.properties(width="container", height=height)
    themed = sized.configure(background="transparent", font=FONT).configure_view(stroke=None).configure_axis(
        labelColor="var(--ink)", titleColor="var(--soft)", gridColor="var(--grid)", domainColor="var(--line)",
        tickColor="var(--line)", titleFontWeight="normal", labelFontSize=11, titleFontSize=11,
    ).configure_legend(labelColor="var(--ink)", labelFontSize=11, symbolOpacity=1)  # fmt: skip
    spec: Spec = themed.to_dict()
    return spec
