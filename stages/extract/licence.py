"""The licence of the library that a file is from, at its beginning and its end, and the credits of who made it."""

import re

from stages.extract.blocks import PROSE, Block, Survey

SMALL_PRINT = re.compile(r"\*{3} ?START\*{2} ?THE SMALL PRINT", re.IGNORECASE)  # old files: at the top or at the end
START = re.compile(
    r"\*{2,3} ?START OF (?:THE |THIS )?PROJECT GUTENBERG.{0,300}?\*{3}|\*END\*? ?THE SMALL PRINT!.{0,80}?\*END\*"
    r"|\*END THE SMALL PRINT!.{0,80}",
    re.IGNORECASE | re.DOTALL,
)
END = re.compile(
    r"\*{2,3} ?END OF (?:THE |THIS )?PROJECT GUTENBERG|End of (?:the |this )?Project Gutenberg(?:'s|’s| E| e|-)"
    r"|START: FULL LICENSE|Ende dieses Projekt? Gutenberg|Fin (?:de|du) Projet Gutenberg"
    r"|THE FULL PROJECT GUTENBERG (?:™ |\(TM\) |\(tm\) )?LICENSE"
)
LICENCE = re.compile(
    r"Project Gutenberg(?:\(?™|-tm|\(tm\)|™)? (?:License|Literary|Etext|is a registered)"
    r"|gutenberg\.(?:org|net)|promo\.net/pg",
    re.IGNORECASE,
)
CREDIT = re.compile(
    r"(?:this|the|html|original|text)? ?(?:e-?(?:text|book)|file|html version)(?: was| is)? (?:first )?"
    r"(?:produced|prepared|created) (?:by|from|for)\b"
    r"|(?:produced|transcribed|scanned|digitized)(?: and \w+)? (?:by|from|for)\b|credits:"
    r"|(?:and the )?(?:online )?distributed proof",
    re.IGNORECASE,
)
HOSTS = re.compile(
    r"gutenberg[- ]?proje[ck]t|proje(?:ct|kt|t)[eo]? gutenberg|project runeberg|distributed proof|pgdp\.net|bnf\.fr",
    re.IGNORECASE,
)
FILE_WORDS = ("utenberg", "runeberg", "distributed proof", "promo.net/pg", "pgdp.net", "bnf.fr")  # of LICENCE and HOSTS
FIRST_PART = 0.35  # a licence header ends in this share of the blocks, or it is none
EDGE = 41  # blocks at the beginning and at the end that may be credits


def trim_licence(text: str) -> str:
    """Cut the licence header and footer off a plain text, where it has them."""
    if (small := SMALL_PRINT.search(text, len(text) // 2)) is not None:
        text = text[: small.start()]
    starts = [found for found in START.finditer(text, 0, int(len(text) * FIRST_PART) + 20_000)]
    begin = starts[-1].end() if starts else 0
    end = END.search(text, begin)
    return text[begin : end.start() if end else len(text)]


def without_licence(survey: Survey) -> list[Block]:
    """Drop everything up to the start marker, from the end marker on, and the credits between."""
    blocks = survey.blocks
    limit = int(len(blocks) * FIRST_PART) + 60
    suspects = [i for i in sorted(survey.holding("*", "G", "LICENSE")) if has_licence_word(blocks[i].text)]
    starts = [i for i in suspects if i < limit and START.search(blocks[i].text)]
    if starts:
        last = blocks[starts[-1]]
        rest = [Block(PROSE, text, last.page)] if (text := START.split(last.text)[-1].strip()) else []
        shift = starts[-1] + 1 - len(rest)
        blocks = rest + blocks[starts[-1] + 1 :]
        suspects = [0] * len(rest) + [i - shift for i in suspects if i > starts[-1]]
    ends = [i for i in suspects if END.search(blocks[i].text)]
    if ends:
        first = blocks[ends[0]]
        rest = [Block(first.kind, text, first.page)] if (text := END.split(first.text)[0].strip()) else []
        blocks = blocks[: ends[0]] + rest
    return without_credits(blocks)


def has_licence_word(text: str) -> bool:
    """Whether a text can hold a marker of a licence at all."""
    return "utenberg" in text or "GUTENBERG" in text or "LICENSE" in text or "SMALL PRINT" in text


def without_credits(blocks: list[Block]) -> list[Block]:
    """Drop the credits near the beginning and the end."""
    last = len(blocks) - 1
    head, tail = range(min(EDGE, len(blocks))), range(max(EDGE, last - EDGE), len(blocks))
    drop = {i for part in (head, tail) for i in part if is_credit(blocks[i], min(i, last - i))}
    return [block for i, block in enumerate(blocks) if i not in drop] if drop else blocks


def is_credit(block: Block, distance: int) -> bool:
    """Whether a block near the beginning or end (`distance` blocks away) speaks of the file rather than the book."""
    if distance >= EDGE or len(block.text) > 900:
        return False
    text = block.text.casefold()
    speaks = any(word in text for word in FILE_WORDS)
    if speaks and LICENCE.search(block.text):
        return True
    return distance <= 25 and bool(CREDIT.match(block.text) or (speaks and HOSTS.search(block.text)))
