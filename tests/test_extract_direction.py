"""Lines that run from right to left come out as they are read, whatever order a PDF holds their characters in."""

import unicodedata

import pymupdf
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stages.extract import direction, pdf
from stages.sample.pdf import hebrew_font

# A line as its parts in reading order; those in angle brackets run to the right.
LINES = {
    "numbers": "בשנת <1948> קמה המדינה ובה <7> ערים.",
    "numbers with signs": "נמדדו <3.14> מטרים, <50%> מן הכלל, בשעה <12:30> בערב.",
    "Latin words": "הספר <Don Quixote de la Mancha> נכתב בספרד (מדריד) לפני שנים.",
    "a number in front": "<1984> הוא ספר ידוע מאוד בכל הארצות.",
    "a Latin name and its number": "המחשב פעל תחת <Windows 95> במשך שנים רבות.",
    "two numbers": "בין <1914> <1918> פרצה מלחמה גדולה מאוד.",
    "Arabic": "قرأ الكتاب في سنة <١٩٨٤> ثم كتب <25> صفحة ونام.",
    "Persian": "غزل <۱۲۳> از دیوان حافظ که در سال <۱۳۵۷> خواند.",
}
FLIPPED = str.maketrans("()[]", ")(][")
SPAN = {"size": 11.0, "flags": 0}


def parts(line):
    """The parts of a line, and whether each runs to the right."""
    return [(part, place % 2 == 1) for place, part in enumerate(line.replace(">", "<").split("<")) if part]


def said(line):
    return line.replace("<", "").replace(">", "")


def seen(line):
    """The characters of a line from left to right."""
    return "".join(part if rightwards else part[::-1] for part, rightwards in reversed(parts(line)))


def printed(lines):
    """A PDF as browsers and word processors print it: the characters of a line from left to right."""
    font, document = pymupdf.Font(fontbuffer=hebrew_font()), pymupdf.open()
    page = document.new_page(width=595, height=842)
    writer = pymupdf.TextWriter(page.rect)
    for number, line in enumerate(lines):
        writer.append((540 - font.text_length(line, 11), 72 + 40 * number), line, font=font, fontsize=11)
    writer.write_text(page)
    return document.tobytes()


def read(content):
    return [block.text for block in pdf.read(content).blocks]


@pytest.mark.parametrize("line", LINES.values(), ids=LINES)
def test_a_printed_line_is_read_in_its_order(line):
    assert read(printed([seen(line)])) == [said(line)]


def test_brackets_that_are_told_as_they_look_are_turned_round():
    line = "הוא נולד בעיר (מדריד) אשר בספרד, ראו [שם] ועוד."
    assert read(printed([seen(line).translate(FLIPPED)])) == [line]


def test_brackets_of_latin_words_are_left():
    line = "ראו <Cervantes (1605) Madrid> בעיר (מדריד) אשר בספרד."
    shown = "".join(part if rightwards else part[::-1].translate(FLIPPED) for part, rightwards in reversed(parts(line)))
    assert read(printed([shown])) == [said(line)]


def test_a_line_of_other_letters_stays_as_it_is_on_a_page_that_runs_to_the_left():
    assert "A plain line, of 1605." in " ".join(read(printed([seen(LINES["numbers"]), "A plain line, of 1605."])))


def test_a_line_mostly_latin_runs_as_its_page_does():
    line = "<See the word> שלום <here in the old book>."
    assert said(line) in " ".join(read(printed([seen(LINES["numbers"]), seen(line), seen(LINES["Latin words"])])))


@given(st.lists(st.sampled_from(["שלום", "ספר", "<1984>", "<7>", "<3.14>", "מים,", "(עיר)"]), min_size=1, max_size=9))
@settings(max_examples=50, deadline=None)
def test_words_and_numbers_keep_their_order(words):
    line = " ".join(["אבג", *words, "דהו"])
    assert read(printed([seen(line)])) == [said(line)]


def test_text_that_is_set_in_reading_order_is_read_so_with_its_vowels():
    line = "בְּרֵאשִׁית בָּרָא אֱלֹהִים אֵת הַשָּׁמַיִם וְאֵת הָאָרֶץ"
    story = pymupdf.Story(html=f"<body style='font-family:sans-serif'><p dir=rtl>{line}</p>")
    assert read(story.write_with_links(rects).tobytes()) == [unicodedata.normalize("NFC", line)]


def rects(number, filled):
    page = pymupdf.paper_rect("a4")
    return page, pymupdf.Rect(50, 50, page.x1 - 50, page.y1 - 50), None


def char(text, left, right, base=0.0, synthetic=False):
    return {"c": text, "origin": (left, base), "bbox": (left, 0.0, right, 10.0), "synthetic": synthetic}


def line_of(*chars):
    block = {"lines": [{"spans": [SPAN | {"chars": list(chars)}], "bbox": (0, 0, 1, 1), "dir": (1.0, 0.0)}]}
    [found] = direction.in_reading_order([block])
    return "".join(span["text"] for span in found["spans"])


def test_a_glyph_of_a_letter_and_its_marks_is_told_letter_first():
    # As browsers print it: no width, the marks before their letter, and a space made where the next glyph lies.
    assert line_of(
        char("ּ", 571.9, 571.9), char("ְ", 571.9, 571.9), char("ב", 571.9, 571.9),
        char(" ", 565.5, 571.9, synthetic=True), char("ֵ", 565.5, 565.5), char("ר", 565.5, 565.5),
        char("א", 559.2, 566.2),
    ) == "בְּרֵא"  # fmt: skip


def test_a_mark_that_begins_where_its_letter_does_is_not_the_next_ones():
    assert line_of(char("ר", 528.0, 532.7), char("ַ", 528.1, 528.1), char("כ", 523.7, 528.1)) == "רַכ"


def test_lam_and_alef_of_one_glyph_are_told_in_their_order():
    assert line_of(char("ا", 578.3, 578.3), char("ل", 572.3, 578.3), char("م", 569, 572.3)) == "لام"
    assert line_of(char("س", 421, 430), char("ا", 421, 421), char("ل", 415, 421), char("م", 409, 415)) == "سلام"


def test_a_stroke_that_draws_an_arabic_word_out_is_no_letter():
    word = char("ل", 90, 100), char("z", 80, 90), char("ب", 70, 80), char(" ", 66, 70), char("x", 60, 66)
    assert line_of(*word, char("א", 50, 60), char("ا", 100, 105)) == "الب xא"


def test_an_alef_that_is_told_twice_is_taken_once():
    chars = char("ا", 260.9, 260.9), char("ا", 260.9, 260.9), char("ل", 260.9, 266.9), char("م", 250, 260)
    assert line_of(*chars) == "لام"


def test_runs_that_are_set_one_by_one_are_put_together():
    # As word processors print them: pieces from right to left, with the space in the piece where it stands.
    first = char("(", 50, 54), char(" ", 54, 57), char("א", 64, 71), char("ב", 57, 64)
    second = char("1", 44, 50), char(" ", 30, 33), char(")", 40, 44), char("ג", 23, 30)
    pieces = [{"spans": [SPAN | {"chars": list(one)}], "bbox": box, "dir": (1.0, 0.0)}
              for one, box in ((first, (50, 0, 71, 10)), (second, (23, 0, 50, 10)))]  # fmt: skip
    [found] = direction.in_reading_order([{"lines": pieces}])
    assert "".join(span["text"] for span in found["spans"]) == "אב (1) ג"


def test_pieces_of_a_row_with_a_gap_between_have_a_space():
    pieces = [{"spans": [SPAN | {"chars": [char(sign, x, x + 8)]}], "bbox": (x, 0, x + 8, 10), "dir": (1.0, 0.0)}
              for sign, x in (("א", 60), ("ב", 47))]  # fmt: skip
    [found] = direction.in_reading_order([{"lines": pieces}])
    assert "".join(span["text"] for span in found["spans"]) == "א ב"


def test_a_space_that_a_pdf_holds_is_kept():
    assert line_of(char("ב", 570, 578), char(" ", 565, 570, synthetic=True), char("א", 557, 565)) == "ב א"


def test_two_printed_lines_that_are_told_as_one_are_read_one_after_the_other():
    first, second = [char("ב", 20, 30), char("א", 10, 20)], [char("ד", 20, 30, 13.0), char("ג", 10, 20, 13.0)]
    assert line_of(*first, char(" ", 8, 10), *second) == "בא דג"


def test_spans_keep_their_type_where_a_number_stands_apart():
    number = SPAN | {"size": 7.0, "chars": [char("1", 100, 105), char("2", 105, 110)]}
    words = SPAN | {"chars": [char("ב", 120, 130), char("א", 110, 120), char("ת", 90, 100)]}
    [found] = direction.in_reading_order([{"lines": [{"spans": [number, words], "bbox": (90, 0, 130, 10)}]}])
    told = [(span["text"], span["size"]) for span in found["spans"]]
    assert told == [("בא", 11.0), ("12", 7.0), ("ת", 11.0)]
