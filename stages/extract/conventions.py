"""Marks that transcribers and typesetters leave in the running text: emphasis, pages, notes, ornaments."""

import re

from stages.extract.blocks import HEADING, NOTE, Block, Survey

# Where a pattern can begin with the character it looks for, it does: searching is then several times faster.
EMPHASIS = re.compile(r"_(?<![^\W_]_)(?=\S)([^_]+?)(?<=\S)_(?![^\W_])")
BOLD = re.compile(r"=(?<!\S=)(?=\w)([^=]{2,80}?)(?<=\S)=(?![\w=])")
PAGE = re.compile(
    r"\s?[\[{](?:pg|page|pag|p|s|seite|עמ'?)[. ]*[\divxlc]+[\]}]|(?<![\^_])\{\d+\}|\{[A-Z][^{}]{0,60}\^paragraph \d+\}",
    re.IGNORECASE,
)
MAY_BE_PAGE = re.compile(r"\[(?:p|s|עמ)|\{", re.IGNORECASE)
PAGE_ALONE = re.compile(r"[\[({]\s*(?:\d{1,4}|[ivxlc]{1,8})\s*[\])}]", re.IGNORECASE)
NOTE_LETTER = re.compile(r"\[(?<=[^\s\[(]\[)(?:[A-Z]{1,2}\d{0,3}|[*†‡§]+)\]")
NUMBER = re.compile(r"\[(?:FN#)?\d{1,3}\]")
NOTE_NUMBER = re.compile(rf"\s?{NUMBER.pattern}")
PICTURE = re.compile(
    r"\[(?:illustration|illus\.|blank page|decoration|music notation|abbildung|bild|image)\b[^\]]*\]", re.IGNORECASE
)
BRACKET = re.compile(r"\[")
OPEN_PICTURE = re.compile(r"\[(?:illustration|abbildung|bild|image)\b", re.IGNORECASE)
LONGEST_CAPTION = 3  # blocks
ORNAMENT = re.compile(r"[\s*•·.–—_=~+|#§†‡⁂❦☙❧^:\-]*")
NOTE_START = re.compile(
    r"\[?(?:footnote|fussnote|fußnote|sidenote|note de bas de page)\b[^\]]{0,12}[:.]", re.IGNORECASE
)
NUMBERED_NOTE = re.compile(r"\[(?:\d{1,3}|[A-Z]{1,2}#?\d{0,3})\][\s:]")
NOTE_LETTER_FIRST = re.compile(r"[\[FfSsNn]")  # with which notes begin
NO_WORD = re.compile(r"[\W_]")
LEAST_NOTES = 5  # numbers in brackets are marks of notes in a book that has at least so many


def without_marks(survey: Survey) -> list[Block]:
    """The blocks without such marks, and without the blocks that are nothing else."""
    bracketed = [survey.texts[place] for place in survey.places_of("[") if survey.blocks[place].kind != NOTE]
    numbered = sum(len(NUMBER.findall(text)) for text in bracketed) >= LEAST_NOTES
    if bracketed:
        survey = without_open_pictures(survey)
    blocks = survey.blocks
    for found in NOTE_LETTER_FIRST.finditer(survey.initials):
        if is_note(block := blocks[found.start()], numbered):
            block.kind, block.text = NOTE, block.text.replace("\n", " ")
    suspects = in_need_of_care(survey)
    for place in suspects:
        blocks[place].text = without_ornaments(unmarked(blocks[place], numbered))
    return [block for block in blocks if block.text] if suspects else blocks


def without_open_pictures(survey: Survey) -> Survey:
    """The blocks without captions in brackets that run over several of them."""
    if not any(begins_picture(survey.texts[found.start()]) for found in BRACKET.finditer(survey.initials)):
        return survey
    kept: list[Block] = []
    open_for = 0  # blocks that may still belong to the caption
    for block in survey.blocks:
        if open_for:
            open_for = 0 if block.text.endswith("]") else open_for - 1
        elif begins_picture(block.text):
            open_for = LONGEST_CAPTION
        else:
            kept.append(block)
    return Survey(kept)


def begins_picture(text: str) -> bool:
    """Whether a text begins a caption in brackets that it does not end."""
    return bool(OPEN_PICTURE.match(text)) and "]" not in text


def is_note(block: Block, numbered: bool) -> bool:
    """Whether a block begins as notes in plain text do: [Footnote 1: ...], or [1] ... where notes have such marks."""
    if block.kind == HEADING:
        return False
    return bool(NOTE_START.match(block.text) or (numbered and NUMBERED_NOTE.match(block.text)))


def in_need_of_care(survey: Survey) -> set[int]:
    """The places of the blocks that can hold a mark at all: most cannot, and need not be searched."""
    texts, bare = survey.texts, [found.start() for found in NO_WORD.finditer(survey.initials)]
    places = {place for place in bare if texts[place][0] == "(" or not any(map(str.isalnum, texts[place][:40]))}
    ruled = {place for place in survey.holding("\n") if "(" in texts[place]}
    return places | ruled | survey.holding(*"_[{=*")


def unmarked(block: Block, numbered: bool) -> str:
    """The text of a block without marks inside it; each is looked for only where its first character is."""
    text = EMPHASIS.sub(r"\1", block.text) if "_" in block.text else block.text
    text = PAGE.sub("", text) if MAY_BE_PAGE.search(text) else text
    text = PICTURE.sub("", text) if "[" in text else text
    text = BOLD.sub(r"\1", text) if "=" in text else text
    if PAGE_ALONE.fullmatch(text):
        return ""
    if block.kind != NOTE and "[" in text:
        text = NOTE_LETTER.sub("", text)
        text = NOTE_NUMBER.sub("", text) if numbered and NUMBER.search(text) else text
    return text


def without_ornaments(text: str) -> str:
    """The lines of a text that are more than stars, rules and dots, each without spaces at its ends."""
    return "\n".join(line.strip() for line in text.split("\n") if not ORNAMENT.fullmatch(line))
