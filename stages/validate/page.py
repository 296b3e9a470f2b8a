"""The page of Data Docs: rules, decisions and rejections on one page without scripts, fonts or files from elsewhere.

Great Expectations' own page loads a dozen scripts from other hosts, carries clocks and random names, and gives each
column a section; its words for the expectations are kept (suite.phrase).
"""

from pathlib import Path

from jinja2 import Environment, StrictUndefined

from stages.validate.gate import Gate

PAGE = Path(__file__).with_name("page.html")
MOST = 500  # rejections on the page; rejected.csv has all


def render(gate: Gate) -> str:
    """The page as HTML; the same scenes give the same page."""
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    summary = gate.summary()
    return environment.from_string(PAGE.read_text(encoding="utf-8")).render(
        summary=summary,
        tiers=list(summary["accepted_share"]),
        outcomes=gate.outcomes,
        decisions=gate.decisions,
        rejected=gate.rejected,
        most=MOST,
        percent=percent,
    )


def percent(share: float) -> str:
    """A share in words that never round a failure away.

    Example: 1.0 -> "100 %"; 0.9999 -> "99.99 %"
    """
    return f"{100 * share:.4g} %"
