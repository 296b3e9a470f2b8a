"""What is in the file but not in the book: licences, tables of contents, indexes, notes of the transcriber."""

import re

from stages.extract.blocks import HEADING, NOTE, Block, Survey
from stages.extract.licence import without_licence

TAIL = re.compile(
    r"(?:transcriber['’]?s?['’]?|editor['’]?s|d\.p\.) (?:end)?notes?:?"
    r"|(?:typographical )?errors? (?:and anomalies )?(?:corrected|noted).{0,40}"
    r"|corrections? made.{0,40}|list of corrections|anmerkungen? (?:des bearbeiters|zur transkription|zum text)"
    r"|notes? (?:du|de) transcript.{0,20}|notas? d[eo]l? (?:transcritor|transcriptor|editor)|lista de erros.{0,20}"
    r"|verbeteringen|correcties|colofon|documentgeschiedenis|etext editor['’]s bookmarks",
    re.IGNORECASE,
)
TRANSCRIBER = re.compile(r"\[?transcriber['’]?s?['’]? notes?", re.IGNORECASE)
TRANSCRIBER_LETTER = re.compile(r"[\[tT]")
CONTENTS = re.compile(
    r"(?:table of )?contents?(?: of (?:the )?(?:volume|book|vol).{0,12})?"
    r"|(?:list of )?(?:illustrations|figures|plates|tables|maps)"
    r"|inhalt(?:sverzeichnis|sübersicht)?|table (?:des matières|of contents)|índice|indice|sommario"
    r"|содержание|оглавление|inhoud|sisällys|sisältö|innehåll|indhold|spis treści"
    r"|目錄|目录|目次|תוכן(?: העניינים)?|المحتويات|فهرست|فهرس",
    re.IGNORECASE,
)
INDEX = re.compile(
    r"(?:general |alphabetical |subject )?index(?: of [\w ]{1,30})?|(?:sach|namen|personen)?register|索引",
    re.IGNORECASE,
)
AROUND_TITLES = " .:_*[]—-"
TITLE_STARTS = frozenset(  # of CONTENTS and INDEX
    "co ta li il fi pl ma in ín so со ог si sp 目錄 目录 目次 תו ال فه ge al su sa na pe re 索引".split()
)
TITLE = 60  # characters of a title, at most
PAGE_END = re.compile(r"[\s.…·]+(?:\d{1,4}|[ivxlc]{1,7})\.?$")
LEADERS = re.compile(r"(?:\. ?){4,}\s*[\divxlc]*|…{2,}")
NUMERALS = frozenset("0123456789ivxlc")
NOT_LETTERS = bytes(byte for byte in range(128) if not chr(byte).isalpha())
SHORT = 140
NO_ENTRIES = 4  # blocks without page numbers in a row end an index
UNDER = 8  # blocks under a heading like "Transcriber's note" that belong to it, at most


def without_boilerplate(blocks: list[Block]) -> Survey:
    """All blocks that belong to the book."""
    survey = Survey(blocks)
    for step in (without_licence, without_linked_contents, without_listed_contents, mark_transcriber, without_index):
        blocks = step(survey)
        survey = survey if blocks is survey.blocks else Survey(blocks)
    return survey


def without_linked_contents(survey: Survey) -> list[Block]:
    """Drop tables of contents and lists of illustrations: runs of short blocks that are links, or blocks of links."""
    blocks = survey.blocks
    if not any([block.links for block in blocks]):
        return blocks
    blocks = [block for block in blocks if block.linked < 0.7 or block.links < 4]
    linked = [block.linked >= 0.6 and len(block.text) <= SHORT for block in blocks]
    if sum(linked) < 4:
        return blocks
    drop = [False] * len(blocks)
    end = 0
    for i in [i for i, shown in enumerate(linked) if shown]:
        if i < end:
            continue
        end = end_of_run(blocks, linked, i)
        if sum(linked[i:end]) >= 4:
            drop[i:end] = [True] * (end - i)
            if i and CONTENTS.fullmatch(blocks[i - 1].text.strip(" .:")):
                drop[i - 1] = True
    return [block for block, dropped in zip(blocks, drop, strict=True) if not dropped]


def end_of_run(blocks: list[Block], linked: list[bool], start: int) -> int:
    """One past the last linked block of the run that begins at `start`; up to two short blocks may be between."""
    end = start
    for i in range(start, len(blocks)):
        if linked[i]:
            end = i + 1
        elif i - end >= 2 or len(blocks[i].text) > SHORT:
            break
    return end


def without_listed_contents(survey: Survey) -> list[Block]:
    """Drop the lists under a heading like "Contents": lines with page numbers or titles that come again later."""
    blocks, titles, leaders = survey.blocks, titles_in(survey, CONTENTS), leader_lists(survey)
    if not titles:
        return [block for i, block in enumerate(blocks) if i not in leaders] if leaders else blocks
    later = titles_of(blocks)
    kept: list[Block] = []
    in_list = False
    for i, block in enumerate(blocks):
        if i in titles and is_list(blocks, later, i + 1):
            in_list = True
        elif in_list and not is_entry(block, later, i):
            in_list = False
        if not in_list and i not in leaders:
            kept.append(block)
    return kept


def leader_lists(survey: Survey) -> set[int]:
    """The places of the blocks that are mostly lines with dot leaders to page numbers."""
    tails = [text[-2:] for text in survey.texts]  # a book has few different ones
    numbered = {tail for tail in set(tails) if may_end_with_page(tail) or not tail.strip("\n.")}
    places = [i for i, tail in enumerate(tails) if tail in numbered]
    return {i for i in places if may_end_with_page(survey.texts[i]) and is_leader_list(survey.texts[i])}


def titles_in(survey: Survey, pattern: re.Pattern[str], first: int = 0) -> set[int]:
    """The places, from `first` on, of the blocks that are nothing but a title that `pattern` knows."""
    heads = {i: text[:2] for i, text in enumerate(survey.texts[first:], first) if len(text) <= TITLE}
    known = {head for head in set(heads.values()) if head != head.strip(AROUND_TITLES) or begins_title(head)}
    return {place for place, head in heads.items() if head in known and is_title(survey.blocks[place], pattern)}


def begins_title(text: str) -> bool:
    """Whether a text begins with the first two letters of any title: most do not, and need not be matched."""
    return text.strip(AROUND_TITLES)[:2].casefold() in TITLE_STARTS


def titles_of(blocks: list[Block]) -> dict[str, int]:
    """The key of each block that may be a title -> where it stands last."""
    return {title_key(b.text): i for i, b in enumerate(blocks) if b.kind == HEADING or len(b.text) <= SHORT}


def may_end_with_page(text: str) -> bool:
    """Whether a text can match PAGE_END at all: most cannot, and need not be searched."""
    return text.rstrip("\n.")[-1:] in NUMERALS


def is_list(blocks: list[Block], later: dict[str, int], start: int) -> bool:
    """Whether one of the next three blocks looks like an entry of a table of contents."""
    return any(is_entry(blocks[i], later, i) for i in range(start, min(start + 3, len(blocks))))


def is_title(block: Block, pattern: re.Pattern[str]) -> bool:
    """Whether a block is nothing but a title that `pattern` knows."""
    return len(block.text) <= TITLE and block.kind != NOTE and bool(pattern.fullmatch(block.text.strip(AROUND_TITLES)))


def title_key(text: str) -> str:
    """A title without case, numbers of pages and punctuation.

    Example: "The Sea. . . . 12" -> "thesea"
    """
    text = (PAGE_END.sub("", text) if may_end_with_page(text) else text).casefold()
    if text.isascii():
        return text.encode().translate(None, NOT_LETTERS).decode()
    return "".join(filter(str.isalpha, text))


def is_entry(block: Block, later: dict[str, int], index: int) -> bool:
    """Whether a block looks like part of a table of contents: page numbers, or a title that comes again later."""
    lines = block.text.split("\n")
    if len(block.text) > 3000 and len(lines) == 1:
        return False
    if len(lines) == 1 and len(LEADERS.findall(block.text)) + len(re.findall(r"\s\d{1,4}(?=\s|$)", block.text)) >= 3:
        return True
    hits = sum(bool(PAGE_END.search(line)) or later.get(title_key(line), -1) > index for line in lines)
    return max(map(len, lines)) <= 2 * SHORT and hits >= 0.6 * len(lines)


def is_leader_list(text: str) -> bool:
    """Whether a text that may end with the number of a page is mostly lines with dot leaders to such numbers."""
    if not PAGE_END.search(text[-40:]):
        return False
    found = LEADERS.findall(text)
    share = sum(map(len, found)) / max(len(text), 1)
    return share > 0.25 or (len(found) >= 2 and share > 0.15)


def mark_transcriber(survey: Survey) -> list[Block]:
    """Make notes of what the transcriber says: a block that begins so, what follows such a heading, the tail."""
    blocks = survey.blocks
    tail = tail_of(blocks)
    places = (found.start() for found in TRANSCRIBER_LETTER.finditer(survey.initials))
    spoken = {place for place in places if TRANSCRIBER.match(survey.texts[place])}
    if not spoken and tail == len(blocks):
        return blocks
    marked: list[Block] = []
    under = 0
    for i, block in enumerate(blocks):
        begins = i in spoken
        if begins:
            under = 0 if len(block.text) > 60 else UNDER
        elif block.kind == HEADING:
            under = 0
        if i >= tail or begins or under:
            marked.append(Block(NOTE, block.text.replace("\n", " "), block.page))
            under = max(0, under - (not begins))
        else:
            marked.append(block)
    return marked


def tail_of(blocks: list[Block]) -> int:
    """Where a list of corrections and the like begins that goes on to the end; len(blocks) without one."""
    first = min(len(blocks), max(int(0.9 * len(blocks)), len(blocks) - 400))
    for i in range(first, len(blocks)):
        if len(blocks[i].text) <= 80 and TAIL.fullmatch(blocks[i].text.strip(" .:_*[]—-")):
            return i
    return len(blocks)


def without_index(survey: Survey) -> list[Block]:
    """Drop the indexes of the second half: under such a heading most blocks are full of page numbers."""
    blocks = survey.blocks
    kept = blocks[: len(blocks) // 2]
    i = len(kept)
    titles = sorted(titles_in(survey, INDEX, i))
    if not titles:
        return blocks
    for title in titles:
        end = end_of_section(blocks, title)
        entries = sum(has_page_numbers(block) for block in blocks[title + 1 : end])
        if title >= i and end - title > 5 and entries >= 0.6 * (end - title - 1):
            kept += blocks[i:title]
            i = end
    return kept + blocks[i:]


def end_of_section(blocks: list[Block], start: int) -> int:
    """One past the last entry under the heading at `start`: it ends at another heading or where entries stop.

    Single letters and repeated titles are headings within it.
    """
    end = start + 1
    for i in range(start + 1, len(blocks)):
        block = blocks[i]
        if has_page_numbers(block) or is_title(block, INDEX):
            end = i + 1
        elif block.kind == HEADING or i - end >= NO_ENTRIES:
            break
    return end


def has_page_numbers(block: Block) -> bool:
    """Whether a block reads like entries of an index: at least one number in 60 characters."""
    numbers = len(re.findall(r"\b\d{1,4}\b", block.text))
    return len(block.text) <= 4 or numbers * 60 >= len(block.text)
