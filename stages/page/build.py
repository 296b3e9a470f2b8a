"""One HTML file out of the parts: data packed, scripts and style inside, and a policy that lets nothing else run."""

import base64
import gzip
import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from stages.page.charts import Chart
from stages.page.library import Entry, counts, packed
from stages.page.metrics import Metrics, Row
from stages.page.scenes import Block, Index
from stages.shared.errors import UserError

WEB = Path(__file__).with_name("web")
MOST = 500  # rows of a table on the page
SCRIPTS = ("data", "listing", "hash", "texts", "scenes", "scene", "decision", "library", "charts", "main")
LATER = {  # tables that only some studies have rows of in metrics/, and what they hold
    "overturns": "turns of the whole understanding along a reading",
    "flashes": "single late books that still change the model",
    "reflect": "own thinking beside the next books and replay: gain over the saturated adapter, by rounds",
}


@dataclass(frozen=True)
class Page:
    """Everything that the page shows."""

    metrics: Metrics
    charts: list[Chart]
    library: list[Entry]
    index: Index
    blocks: list[Block]


def render(page: Page) -> str:
    """The page as HTML; the same inputs give the same bytes."""
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.filters |= {"number": number, "between": between}
    style, scripts = (WEB / "page.css").read_text("utf-8"), {"vega": vega(), "own": own_script()}
    return environment.from_string((WEB / "page.html").read_text(encoding="utf-8")).render(
        policy=policy(style, scripts),
        style=Markup(style),
        scripts={name: Markup(text) for name, text in scripts.items()},
        data={name: Markup(text) for name, text in data_of(page).items()},
        blocks=[Markup(packed_text(block_text(block))) for block in page.blocks],
        metrics=page.metrics,
        summary=page.metrics.summary,
        opening=Markup(page.metrics.opening),
        report=Markup(page.metrics.whole),
        charts=page.charts,
        phases=page.metrics.table("phases"),
        later={name: (what, page.metrics.table(name)) for name, what in LATER.items()},
        most=MOST,
        counts=counts(page.library),
        scenes=len(page.index.id),
    )


def data_of(page: Page) -> dict[str, str]:
    """The data that the scripts read, by the id of its element."""
    specs = [chart.spec for chart in page.charts]
    parts = {"charts": specs, "index": asdict(page.index), "books": packed(page.library)}
    return {name: packed_text(compact(part)) for name, part in parts.items()}


def block_text(block: Block) -> str:
    """Two lines a scene, its passage and its details, and a last line with what lost."""
    return "\n".join([*(compact(part) for scene in block.scenes for part in scene), compact(block.lost)])


def compact(content: Any) -> str:
    """JSON without spaces."""
    return json.dumps(content, ensure_ascii=False, separators=(",", ":"), allow_nan=False)


def packed_text(text: str) -> str:
    """Text as gzip in base64: letters, digits, +, / and = alone, so that nothing in it is ever markup."""
    return base64.b64encode(gzip.compress(text.encode("utf-8", "surrogatepass"), 9, mtime=0)).decode("ascii")


@cache
def vega() -> str:
    """Vega, Vega-Lite and Vega-Embed as one script that shows nothing of itself but `vegaEmbed`; raises UserError."""
    try:
        import vl_convert
    except ImportError:
        raise UserError("vl-convert-python is not installed; run `make page`, which installs it") from None
    return enclosed(vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;"))


def own_script() -> str:
    """The scripts of the page as one."""
    return enclosed("\n".join((WEB / f"{name}.js").read_text(encoding="utf-8") for name in SCRIPTS))


def enclosed(script: str) -> str:
    """A script whose names are its own, and whose text cannot end its element."""
    safe = script.replace("</script", "<\\/script").replace("<!--", "<\\!--")
    return f'(() => {{\n"use strict";\n{safe}\n}})();'


def policy(style: str, scripts: Mapping[str, str]) -> str:
    """The Content-Security-Policy: exactly these scripts and this style, no connection, no frame, no form."""
    allowed = " ".join(digest(text) for text in scripts.values())
    return (
        f"default-src 'none'; script-src {allowed}; style-src {digest(style)}; "
        "base-uri 'none'; form-action 'none'; require-trusted-types-for 'script'; trusted-types default"
    )


def digest(text: str) -> str:
    """A source expression that allows one inline element.

    Example: digest("") -> "'sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU='"
    """
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode('utf-8')).digest()).decode('ascii')}'"


def number(value: Any) -> str:
    """A cell of a table as a reader wants it.

    Example: 1234 -> "1,234"; 0.0172 -> "0.0172"; None -> "-"
    """
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if not isinstance(value, int | float):
        return str(value)
    whole = float(value).is_integer() and (isinstance(value, int) or abs(value) >= 10)
    return f"{value:,.0f}" if whole else f"{value:,.4g}" if abs(value) >= 10 else f"{value:.4f}"


def between(row: Row, name: str) -> str:
    """A value of a row with its interval.

    Example: {"slope": 0.02, "slope_low": 0.01, "slope_high": 0.03} -> "0.0200 [0.0100, 0.0300]"
    """
    if row.get(name) is None:
        return "undefined"
    value, low, high = (row.get(key) for key in (name, f"{name}_low", f"{name}_high"))
    return number(value) if low is None or low == high == value else f"{number(value)} [{number(low)}, {number(high)}]"
