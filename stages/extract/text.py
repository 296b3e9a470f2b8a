"""Plain text files -> blocks; what is markup in spite of its name is read as markup."""

import re

from stages.extract import licence, markup, plain
from stages.extract.blocks import Reading
from stages.extract.clean import clean_characters
from stages.extract.encoding import decode

TAGGED = re.compile(r"\s*(?:<\?xml|<!doctype|<html|<tei)", re.IGNORECASE)


def read(content: bytes) -> Reading:
    """Read a plain text from its bytes; raises Rejected where they are no text."""
    text = decode(content)
    if TAGGED.match(text[:200]):
        return Reading(markup.blocks_of(content))
    return Reading(plain.blocks_of(licence.trim_licence(clean_characters(text))))
