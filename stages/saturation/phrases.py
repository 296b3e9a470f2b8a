"""The sentences of the report, in the languages of phrases.yaml."""

import re
from pathlib import Path
from typing import Any

import yaml

from stages.shared.errors import UserError

LANGUAGES = ("en", "ru")
PHRASES: dict[str, dict[str, str]] = yaml.safe_load(Path(__file__).with_name("phrases.yaml").read_text("utf-8"))


class Speaker:
    """Says phrases in one language.

    Example: Speaker("en")("unread", books=10) -> "no rung of 10 books was read"
    """

    def __init__(self, language: str = "en") -> None:
        if language not in LANGUAGES:
            raise UserError(f"the report speaks {' and '.join(LANGUAGES)}, not {language!r}")
        self.language = language

    def __call__(self, key: str, **values: Any) -> str:
        """The phrase of `key` with its values filled in."""
        return PHRASES[key][self.language].format(**values)

    def write(self, text: str) -> str:
        """The text with the language's own sign between thousands: a comma, or a no-break space in Russian."""
        return text if self.language == "en" else re.sub(r"(?<=\d),(?=\d{3}\b)", "\u00a0", text)
