"""Reading books: EPUB, PDF and plain text become clean paragraphs; every failure is a counted rejection."""

import hashlib
import io
import json
import os
import re
import zipfile
from itertools import pairwise
from pathlib import Path

import pymupdf
import pytest
from conftest import prose
from hypothesis import given
from hypothesis import strategies as st

from stages.extract import __main__ as stage
from stages.extract import (
    boilerplate,
    calm,
    conventions,
    encoding,
    epub,
    layout,
    licence,
    markup,
    parse,
    pdf,
    plain,
    tags,
    text,
)
from stages.extract.archive import Archive
from stages.extract.blocks import Block, Rejected, Survey
from stages.extract.clean import clean_characters, count_words, join_lines, one_line, vocabulary
from stages.extract.figures import words_and_letters
from stages.extract.lines import Line
from stages.extract.read import Request, json_lines, read_book
from stages.shared.errors import UserError
from stages.shared.records import (
    Account,
    Paragraph,
    ShelfBook,
    read_csv,
    read_paragraphs,
    write_csv,
    write_paragraphs,
)
from stages.shared.scripts import letters_by_script

PARAMS = """
extract: {max_file_mb: 20, max_unpacked_mb: 50, min_words: 100, min_script_share: 0.5, language: reject}
workers: {backend: local, count: 2, seconds: 60, memory_mb: 2048}
"""
CONTAINER = (
    '<container xmlns="urn:oasis:names:tc:opendocument:xmlns:container" version="1.0"><rootfiles>'
    '<rootfile full-path="OPS/book.opf" media-type="application/oebps-package+xml"/></rootfiles></container>'
)
WORDS = " ".join(prose(1, 4))


# --- files made for the tests


def page(body, head=""):
    return (
        '<?xml version="1.0" encoding="utf-8"?><html xmlns="http://www.w3.org/1999/xhtml"'
        f' xmlns:epub="http://www.idpf.org/2007/ops"><head><title>t</title>{head}</head><body>{body}</body></html>'
    ).encode()


def package(names, extra="", spine=None):
    items = "".join(
        f'<item id="i{n}" href="{name}" media-type="application/xhtml+xml"/>' for n, name in enumerate(names)
    )
    refs = "".join(f'<itemref idref="i{n}"/>' for n in range(len(names))) if spine is None else spine
    return (
        '<package xmlns="http://www.idpf.org/2007/opf" version="3.0"><metadata'
        ' xmlns:dc="http://purl.org/dc/elements/1.1/"><dc:title>t</dc:title></metadata>'
        f"<manifest>{items}{extra}</manifest><spine>{refs}</spine></package>"
    )


def archive(entries):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as target:
        for name, content in entries.items():
            target.writestr(name, content)
    return stream.getvalue()


def book(*bodies, extra="", spine=None, **entries):
    names = [f"{n}.xhtml" for n in range(1, len(bodies) + 1)]
    pages = {f"OPS/{name}": page(body) for name, body in zip(names, bodies, strict=True)}
    return archive(
        {"META-INF/container.xml": CONTAINER, "OPS/book.opf": package(names, extra, spine), **pages, **entries}
    )


def pdf_of(pages, encryption=pymupdf.PDF_ENCRYPT_NONE, **passwords):
    document = pymupdf.open()
    for lines in pages:
        sheet = document.new_page(width=400, height=600)
        for x, y, size, line in lines:
            sheet.insert_text((x, y), line, fontsize=size)
    return document.tobytes(encryption=encryption, **passwords)


def set_in_lines(lines, top=80, x=50, size=10, leading=13):
    return [(x, top + leading * n, size, line) for n, line in enumerate(lines)]


def wrap(words, width):
    lines = [""]
    for word in words.split():
        if len(lines[-1]) + len(word) + 1 > width:
            lines.append("")
        lines[-1] = f"{lines[-1]} {word}".strip()
    return lines


def of_epub(*bodies, **more):
    return [(block.kind, block.text) for block in epub.read(book(*bodies, **more), 10).blocks]


def of_markup(body):
    return [(block.kind, block.text) for block in markup.blocks_of(page(body))]


def of_plain(content):
    return [(block.kind, block.text) for block in plain.blocks_of(content)]


def of_pdf(pages):
    return [(block.kind, block.page, block.text) for block in pdf.read(pdf_of(pages)).blocks]


def kept(*blocks):
    return boilerplate.without_boilerplate([Block(kind, text) for kind, text in blocks]).texts


def marked(*blocks):
    return [(b.kind, b.text) for b in conventions.without_marks(Survey([Block(kind, text) for kind, text in blocks]))]


def read(path, format="epub", **changes):
    content = path.read_bytes() if path.exists() else b""
    limits = {"max_file_mb": 5, "max_unpacked_mb": 20, "min_words": 10} | changes
    return read_book(Request("b", (path,), format, hashlib.sha256(content).hexdigest(), **limits))


# --- characters and words


def test_ligatures_soft_hyphens_and_controls_are_mended():
    assert clean_characters("ﬁne\u00adly oﬃcial\x07 na\u0308ive\u200b") == "finely official näive"


def test_positional_arabic_and_hebrew_forms_become_letters():
    assert clean_characters("ﺳﻼم") == "سلام"
    assert clean_characters("שּׁ") == "שּׁ"


def test_joiners_that_spell_persian_stay():
    assert clean_characters("می\u200cخواهم") == "می\u200cخواهم"


def test_superscripts_are_not_flattened():
    assert clean_characters("x² ½ ™") == "x² ½ ™"


def test_windows_quotes_in_latin1_are_read_as_quotes():
    assert clean_characters("\x93so\x94 it\x92s") == "“so” it’s"


def test_line_breaks_between_cjk_characters_leave_no_space():
    assert one_line("天下\n大勢 and\nmore") == "天下大勢 and more"


def test_words_are_counted_and_cjk_by_character():
    assert count_words("Well-known, 三國演義") == 5
    assert count_words("नमस्ते दुनिया -- it's 3") == 4


@given(st.text(st.sampled_from("ab1é’'-_ \n—三カー゙aाא֑ש٣²½ªʰ\u200d.,“\u0301々〇𠀀")))
def test_words_and_letters_are_those_counted_one_by_one(content):
    assert words_and_letters(content) == (count_words(content), letters_by_script(content))


@given(st.text(st.sampled_from([*sorted(calm.SIGNS), *" \n\t\vab."])))
def test_lines_of_a_calm_document_are_those_of_a_careful_one(content):
    assert calm.calm_text(content) == calm.careful_text(content)


@given(st.text(st.sampled_from([*sorted(calm.SIGNS), *" \v天ー下大カ，\n\u3000"])))
def test_lines_of_a_calm_document_with_cjk_are_those_of_a_careful_one(content):
    assert calm.wide_text(content) == calm.careful_text(content)


@given(st.text(st.sampled_from(" \v\n\tab.ﬃ\u0301\u2009\u00ad")))
def test_texts_of_a_document_that_is_not_calm_are_those_of_a_careful_one(content):
    assert calm.mixed_text(content) == calm.careful_text(content)


def test_a_document_is_cleaned_no_more_than_its_characters_need():
    assert (
        calm.cleaner_of("<p>größer “als” Москва, ἄνθρωπος וַ".replace("\u05b7", "").encode(), "utf-8") is calm.calm_text
    )
    assert calm.cleaner_of("<p>三國“演義”，カー</p>".encode(), "utf-8") is calm.wide_text
    assert calm.cleaner_of(b"<p>&#173;</p>", "utf-8") is calm.careful_text
    for content in (
        "<p>oﬃce</p>",
        "<p>e\u0301</p>",
        "<p>\uf9dc</p>",
        "<p>カ\u3099</p>",
        "<p>a\u2009b</p>",
    ):
        assert calm.cleaner_of(content.encode(), "utf-8") is calm.mixed_text


@pytest.mark.parametrize("dialect", [tags.XML, tags.TEI, tags.SOUP])
def test_inline_tags_do_nothing_to_the_text_in_them(dialect):
    starts = [tags.tag_of(name, dialect) for name in markup.INLINE if not name.startswith("/")]
    assert all(tag.shape.plain and not tag.shape.dropped for tag in starts)


def test_hyphens_at_line_ends_follow_the_books_own_spelling():
    words = vocabulary(["a remarkable thing here", "the half-open door stood"])
    assert join_lines(["a remark-", "able half-", "open question"], words) == "a remarkable half-open question"


def test_hyphens_stay_where_text_was_not_hyphenated():
    assert join_lines(["a well-", "known man"]) == "a well-known man"


TAGS = [
    "p",
    "i",
    "span class='pagenum'",
    'p class="verse"',
    "div class='stanza'",
    "h2",
    "a href='#n1'",
    "sup",
    "pre",
    "li",
]
BITS = ["The sea", "12", "two &amp; three", "caf&#233;", "&lt;", " ", "\n", "<br/>", "<img alt='T'/>", "<td/>", "ſ “x”"]


def element(name, inside):
    return f"<{name}>{inside}</{name.split()[0]}>"


ELEMENTS = st.recursive(
    st.sampled_from(BITS),
    lambda inner: st.builds(element, st.sampled_from(TAGS), st.lists(inner, max_size=4).map("".join)),
)


# --- (X)HTML


@given(st.lists(ELEMENTS, max_size=6).map("".join))
def test_markup_as_it_stands_reads_as_lxml_writes_it(body):
    content = page(body)
    as_it_stands = markup.Walker(parse.as_it_stands(content), "xml").walk()
    assert markup.Walker(parse.as_written(parse.parse_strict(content)), "xml").walk() == as_it_stands


@pytest.mark.parametrize(
    "odd", ["<!-- <p>no</p> -->", "<!--x-->", "<![CDATA[]]>", "<?go <p> ?>", "<?x?>", "<i title='a > b'></i>"]
)
def test_what_is_no_tag_is_left_to_lxml(odd):
    with pytest.raises(tags.Unplain):
        markup.Walker(parse.as_it_stands(page(f"<p>One{odd} two.</p>")), "xml").walk()
    assert of_markup(f"<p>One{odd} two.</p>") == [("prose", "One two.")]


@given(st.text().map(clean_characters))
def test_paragraphs_are_the_json_that_records_write(content):
    line, size = json_lines([Block("prose", content, 3)])
    facts = {"index": 0, "chapter": "", "page": 3, "kind": "prose", "text": content}
    assert line.decode() == json.dumps(facts, ensure_ascii=False) + "\n"
    assert size == len(content.encode())


@given(st.text(st.sampled_from("a1 .!?」』)\"'।")))
def test_a_sentence_ends_with_a_stop_inside_closing_marks_or_not(content):
    ends = re.search(r"[.!?」』।][\"')」』]*$", content)
    assert layout.ends_sentence(content) == bool(ends)


def test_headings_name_the_chapter_of_what_follows():
    lines, _ = json_lines(markup.blocks_of(page("<h2>One</h2><p>First.</p><h3>Two</h3><p>Second.</p>")))
    assert [(p["index"], p["chapter"], p["kind"]) for p in map(json.loads, lines.splitlines())] == [
        (0, "One", "heading"),
        (1, "One", "prose"),
        (2, "Two", "heading"),
        (3, "Two", "prose"),
    ]


def test_inline_markup_keeps_words_whole_and_blocks_apart():
    assert of_markup("<div>One <b>t</b>wo<p>Three\n four</p>five</div>") == [
        ("prose", "One two"),
        ("prose", "Three four"),
        ("prose", "five"),
    ]


def test_verse_with_breaks_keeps_its_lines():
    assert of_markup("<p>The sea<br/>the sand<br/>the wind</p>") == [("verse", "The sea\nthe sand\nthe wind")]


def test_verse_with_a_paragraph_a_line_becomes_one_stanza():
    poem = '<div class="poem"><div class="stanza"><p>One line</p><p>two lines</p></div><div class="stanza"><p>Three</p>'
    assert of_markup(poem + "<p>four</p></div></div><p>Prose.</p>") == [
        ("verse", "One line\ntwo lines"),
        ("verse", "Three\nfour"),
        ("prose", "Prose."),
    ]


def test_two_lines_with_a_break_are_prose():
    assert of_markup("<p>Yours,<br/>A. B.</p>") == [("prose", "Yours, A. B.")]


def test_notes_are_kept_apart_and_their_marks_dropped():
    body = (
        '<p>A claim<a epub:type="noteref" href="#n1">1</a> and more<sup><a href="#n2">2</a></sup>.</p>'
        '<aside epub:type="footnote" id="n1"><p>The proof. <a href="#r1" role="doc-backlink">↩</a></p></aside>'
    )
    assert of_markup(body) == [("prose", "A claim and more."), ("note", "The proof.")]


def test_exponents_and_linked_words_are_no_note_marks():
    assert of_markup('<p>x<sup>2</sup> in <a href="#c">chapter 2</a>, 10<sup>6</sup></p>') == [
        ("prose", "x2 in chapter 2, 106")
    ]


def test_page_numbers_scripts_and_ruby_are_dropped():
    body = '<p>Be<span class="pagenum">[12]</span>fore <ruby>漢<rt>かん</rt></ruby><script>x()</script></p>'
    assert of_markup(body) == [("prose", "Before 漢")]


def test_title_pages_and_colophons_that_say_so_are_dropped():
    assert of_markup('<section epub:type="colophon"><p>Set in Garamond.</p></section><p>Text.</p>') == [
        ("prose", "Text.")
    ]


def test_tag_soup_with_html_entities_is_read():
    content = b"<html><body><p>One&nbsp;two &mdash; caf&eacute; <b>bold<p>Next</body>"
    assert [block.text for block in markup.blocks_of(content)] == ["One two — café bold", "Next"]


def test_a_wrong_declaration_of_the_encoding_is_survived():
    content = '<?xml version="1.0" encoding="utf-8"?><html><body><p>größer für</p></body></html>'.encode("latin-1")
    assert [block.text for block in markup.blocks_of(content)] == ["größer für"]


def test_entity_bombs_are_not_expanded():
    entities = '<!ENTITY a "lol">' + "".join(f'<!ENTITY {b} "{f"&{a};" * 20}">' for a, b in pairwise("abcdefgh"))
    content = f"<!DOCTYPE html [{entities}]><html><body><p>Before &h; after</p></body></html>".encode()
    assert sum(len(block.text) for block in markup.blocks_of(content)) < 100


def test_external_entities_are_not_read(tmp_path):
    (tmp_path / "secret").write_text("the secret")
    entity = f'<!ENTITY x SYSTEM "{(tmp_path / "secret").as_uri()}">'
    content = f"<!DOCTYPE html [{entity}]><html><body><p>A &x; B</p></body></html>"
    assert [block.text for block in markup.blocks_of(content.encode())] == ["A B"]


def test_deep_nesting_ends():
    assert len(markup.blocks_of(b"<html><body>" + b"<div>" * 50_000 + b"<p>deep</p>")) <= 1


def test_tei_lines_and_notes_are_told():
    verse = b"<lg><l>One</l><l>Two</l></lg><note>N</note>"
    content = b"<TEI.2><teiHeader><title>No</title></teiHeader><text>" + verse + b"</text></TEI.2>"
    assert [(block.kind, block.text) for block in markup.blocks_of(content)] == [("verse", "One\nTwo"), ("note", "N")]


# --- EPUB


def test_an_epub_is_read_in_the_order_of_its_spine():
    spine = '<itemref idref="i1"/><itemref idref="i0"/>'
    assert of_epub("<p>Second</p>", "<p>First</p>", spine=spine) == [("prose", "First"), ("prose", "Second")]


def test_documents_beside_the_main_text_are_notes():
    spine = '<itemref idref="i0"/><itemref idref="i1" linear="no"/>'
    assert of_epub("<p>Text</p>", "<p>Aside</p>", spine=spine) == [("prose", "Text"), ("note", "Aside")]


def test_the_navigation_document_is_no_text():
    nav = '<item id="nav" href="nav.xhtml" properties="nav" media-type="application/xhtml+xml"/>'
    content = {"OPS/nav.xhtml": page('<nav epub:type="toc"><ol><li><a href="1.xhtml">One</a></li></ol></nav>')}
    assert of_epub("<p>Text</p>", extra=nav, spine='<itemref idref="nav"/><itemref idref="i0"/>', **content) == [
        ("prose", "Text")
    ]


def test_a_missing_manifest_item_does_not_matter():
    missing = (
        '<item id="css" href="gone.css" media-type="text/css"/><item id="p" href="gone.jpg" media-type="image/jpeg"/>'
    )
    assert of_epub("<p>Text</p>", extra=missing) == [("prose", "Text")]


def test_a_missing_document_is_told_in_the_account():
    content = archive(
        {
            "META-INF/container.xml": CONTAINER,
            "OPS/book.opf": package(["1.xhtml", "2.xhtml"]),
            "OPS/1.xhtml": page("<p>Text</p>"),
        }
    )
    reading = epub.read(content, 10)
    assert reading.remark == "1 of 2 documents missing or damaged"
    assert [block.text for block in reading.blocks] == ["Text"]


def test_names_are_found_in_spite_of_case_escapes_and_backslashes():
    content = archive(
        {
            "META-INF/container.xml": CONTAINER,
            "OPS/book.opf": package(["kapitel%20ä.xhtml"]),
            "OPS\\Kapitel A\u0308.xhtml": page("<p>Text</p>"),
        }
    )
    assert [block.text for block in epub.read(content, 10).blocks] == ["Text"]


@pytest.mark.parametrize("container", ["", "<container", "<container><rootfiles/></container>"])
def test_a_broken_container_does_not_matter(container):
    content = archive(
        {"META-INF/container.xml": container, "OPS/book.opf": package(["1.xhtml"]), "OPS/1.xhtml": page("<p>Text</p>")}
    )
    assert [block.text for block in epub.read(content, 10).blocks] == ["Text"]


def test_without_a_package_documents_come_in_natural_order():
    content = archive({f"{n}.html": page(f"<p>Part {n}</p>") for n in (10, 9, 1)})
    assert [block.text for block in epub.read(content, 10).blocks] == ["Part 1", "Part 9", "Part 10"]


def test_a_package_without_metadata_is_read_by_hand():
    opf = package(["1.xhtml"]).replace("metadata", "nothing")
    content = archive({"META-INF/container.xml": CONTAINER, "OPS/book.opf": opf, "OPS/1.xhtml": page("<p>Text</p>")})
    assert [block.text for block in epub.read(content, 10).blocks] == ["Text"]


def test_names_that_lead_out_of_the_archive_stay_in_it(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "outside.xhtml").write_bytes(page("<p>Secret</p>"))
    content = archive(
        {
            "META-INF/container.xml": CONTAINER,
            "OPS/book.opf": package(["../../outside.xhtml", "1.xhtml"]),
            "../evil.xhtml": page("<p>Evil</p>"),
            "OPS/1.xhtml": page("<p>Text</p>"),
        }
    )
    assert [block.text for block in epub.read(content, 10).blocks] == ["Text"]
    assert sorted(os.listdir(tmp_path)) == ["outside.xhtml"]


def test_a_zip_bomb_is_rejected_by_its_declared_size():
    with pytest.raises(Rejected, match="unpacks to more than 5 MB"):
        epub.read(archive({"1.html": b"<p>" + b"a" * 6_000_000}), 5)


def test_a_zip_bomb_that_lies_is_rejected_by_what_it_gives(monkeypatch):
    content = archive({"1.html": b"a" * 3_000_000, "2.html": b"b" * 3_000_000})
    bomb = Archive(content, 5_000_000)
    bomb.left = 5_000_000
    assert bomb.read("1.html") is not None
    with pytest.raises(Rejected, match="unpacks to more"):
        bomb.read("2.html")


def test_drm_is_rejected_and_obfuscated_fonts_are_not():
    def encryption(algorithm):
        return (
            '<encryption xmlns="urn:oasis:names:tc:opendocument:xmlns:container"><EncryptedData'
            f' xmlns="http://www.w3.org/2001/04/xmlenc#"><EncryptionMethod Algorithm="{algorithm}"/></EncryptedData>'
            "</encryption>"
        )

    fonts = {"META-INF/encryption.xml": encryption("http://www.idpf.org/2008/embedding")}
    assert of_epub("<p>Text</p>", **fonts) == [("prose", "Text")]
    with pytest.raises(Rejected, match="protected by DRM"):
        of_epub("<p>x</p>", **{"META-INF/encryption.xml": encryption("http://www.w3.org/2001/04/xmlenc#aes128-cbc")})


def test_a_truncated_archive_is_rejected():
    content = book("<p>Text</p>")
    with pytest.raises(Rejected, match="not a whole ZIP archive"):
        epub.read(content[: len(content) // 2], 10)


# --- plain text


@pytest.mark.parametrize("name", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "cp1252", "cp1251", "koi8-r", "gb18030"])
def test_encodings_of_the_real_world_are_decoded(name):
    sample = {
        "cp1252": "Große Häuser können schön sein, für mich „und“ dich. ",
        "cp1251": "Москва слезам не верит, и это правда. ",
        "koi8-r": "Москва слезам не верит, и это правда. ",
        "gb18030": "学而时习之，不亦说乎？有朋自远方来，不亦乐乎？",
    }.get(name, "Große Häuser — Москва — 学而时习之\n")
    assert encoding.decode((sample * 20 + "\n" * 10).encode(name)).startswith(sample)


def test_damaged_utf8_stays_utf8():
    content = ("größer für dich " * 100).encode() + b"\xc3 end"
    assert encoding.decode(content).count("\ufffd") == 1


def test_bytes_that_are_no_text_are_rejected():
    with pytest.raises(Rejected, match="no text"):
        encoding.decode(b"MZ\x90\x00\x03\x00\x00\x00" * 10)


def test_wrapped_lines_are_joined_and_paragraphs_kept():
    content = "\n\n".join("\n".join(wrap(paragraph, 70)) for paragraph in prose(3, 5))
    assert of_plain(content) == [("prose", paragraph) for paragraph in prose(3, 5)]


def test_paragraphs_that_begin_with_an_indent_are_told_apart():
    content = "\n".join("   " + "\n".join(wrap(paragraph, 60)) for paragraph in prose(4, 3))
    assert of_plain(content) == [("prose", paragraph) for paragraph in prose(4, 3)]


def test_a_line_a_paragraph_is_read_as_such():
    assert of_plain("\n".join(prose(5, 3))) == [("prose", paragraph) for paragraph in prose(5, 3)]


def test_verse_among_wrapped_prose_keeps_its_lines():
    poem = (
        "The river keeps its name,\nBut not the water in it;\nThe mountain keeps its place\nAnd waits another minute."
    )
    content = "\n\n".join(["\n".join(wrap(paragraph, 70)) for paragraph in prose(6, 4)] + [poem])
    assert of_plain(content)[-1] == ("verse", poem)


def test_chinese_lines_that_end_with_a_stop_are_not_joined():
    poem = "山高月小水落石出。\n白露橫江水光接天。\n清風徐來水波不興。"
    assert of_plain(f"{poem}\n\n{poem}") == [("verse", poem)] * 2


def test_headings_in_plain_text_are_told():
    body = "\n".join(wrap(prose(7, 1)[0], 70))
    found = of_plain(f"CHAPTER I\n\n{body}\n\n\n\n\nOf the River\n\n{body}")
    assert [kind for kind, _ in found] == ["heading", "prose", "heading", "prose"]


def test_markup_in_a_text_file_is_read_as_markup():
    assert [block.text for block in text.read(b"<html><body><p>Text</p></body></html>").blocks] == ["Text"]


# --- what is in the file but not in the book

START = "*** START OF THE PROJECT GUTENBERG EBOOK A TITLE ***"
END = "*** END OF THE PROJECT GUTENBERG EBOOK A TITLE ***"


def test_the_licence_around_a_plain_text_is_cut_off():
    content = f"Header\n{START}\n\nThe text.\n\n{END}\nLicence"
    assert licence.trim_licence(content).strip() == "The text."


def test_the_licence_around_blocks_is_cut_off():
    blocks = [("prose", "Header"), ("prose", START), ("prose", "Produced by A. B."), ("prose", "The text.")]
    assert kept(*blocks, ("prose", END), ("prose", "Licence")) == ["The text."]


def test_without_markers_nothing_is_cut_off():
    assert kept(("prose", "One."), ("prose", "Two.")) == ["One.", "Two."]


def test_a_table_of_contents_with_page_numbers_is_dropped():
    blocks = [("heading", "Contents"), ("prose", "The Sea 1"), ("prose", "The Land . . . . 20"), ("heading", "The Sea")]
    assert kept(*blocks, ("prose", WORDS)) == ["The Sea", WORDS]


def test_a_table_of_contents_of_titles_that_come_again_is_dropped():
    blocks = [("heading", "INHALT"), ("prose", "Das Meer"), ("prose", "Das Land")]
    text = [("heading", "Das Meer"), ("prose", WORDS), ("heading", "Das Land"), ("prose", WORDS)]
    assert kept(*blocks, *text) == ["Das Meer", WORDS, "Das Land", WORDS]


def test_a_chapter_called_contents_stays():
    assert kept(("heading", "Contents"), ("prose", WORDS), ("prose", WORDS)) == ["Contents", WORDS, WORDS]


def test_a_table_of_contents_of_links_is_dropped():
    links = "".join(f'<p><a href="#c{n}">Chapter {n}</a></p>' for n in range(5))
    blocks = markup.blocks_of(page(f"<h2>Contents</h2>{links}<p>The text.</p>"))
    assert boilerplate.without_boilerplate(blocks).texts == ["The text."]


def test_an_index_is_dropped_and_the_notes_behind_it_stay():
    entries = [("prose", f"River, {n}, {n + 3}; its name, {n + 20}") for n in range(10)]
    text = [("prose", WORDS)] * 12
    assert kept(*text, ("heading", "INDEX"), *entries, ("heading", "NOTES"), ("note", "See above.")) == [
        *[WORDS] * 12,
        "NOTES",
        "See above.",
    ]


def test_notes_of_the_transcriber_are_notes():
    blocks = [Block("heading", "Transcriber's Note"), Block("prose", "Spelling was kept."), Block("heading", "I")]
    assert [block.kind for block in boilerplate.without_boilerplate(blocks).blocks] == ["note", "note", "heading"]


def test_marks_of_transcribers_are_taken_out():
    assert marked(("prose", "He _said_ so.[Pg 12] And {13}more[A]."), ("prose", "* * * * *")) == [
        ("prose", "He said so. And more.")
    ]


def test_numbers_in_brackets_are_note_marks_where_there_are_many():
    blocks = [("prose", f"A claim.[{n}]") for n in range(1, 6)]
    assert marked(*blocks, ("prose", "[1] Its proof."))[-2:] == [("prose", "A claim."), ("note", "[1] Its proof.")]
    assert marked(("prose", "The set [1] is small.")) == [("prose", "The set [1] is small.")]


# --- PDF

BODY = [wrap(paragraph, 60) for paragraph in prose(8, 6)]


def test_lines_of_a_pdf_become_paragraphs_with_their_page():
    sheet = set_in_lines(BODY[0]) + set_in_lines(BODY[1], top=80 + 13 * (len(BODY[0]) + 2))
    assert of_pdf([sheet]) == [("prose", 1, prose(8, 6)[0]), ("prose", 1, prose(8, 6)[1])]


def test_a_paragraph_goes_on_across_pages():
    first, second = BODY[0][:4], BODY[0][4:]
    sheets = [set_in_lines(BODY[1][:-1] + first), set_in_lines(second)]
    assert not sheets[0][-1][3].endswith(".")
    assert of_pdf(sheets)[-1] == ("prose", 1, " ".join(BODY[1][:-1] + BODY[0]))


def test_running_heads_and_page_numbers_are_dropped():
    sheets = [[(50, 30, 9, f"The Book {n}"), *set_in_lines(BODY[n]), (190, 590, 9, str(n + 1))] for n in range(5)]
    assert [words for _, _, words in of_pdf(sheets)] == [" ".join(lines) for lines in BODY[:5]]


def test_hyphenation_in_a_pdf_is_mended():
    lines = [
        "The remarkable river keeps its name through the long winter and",
        "nothing is as remark-",
        "able as that.",
    ]
    assert of_pdf([set_in_lines(lines)])[0][2].endswith("nothing is as remarkable as that.")


def test_large_type_is_a_heading_and_small_type_at_the_foot_a_note():
    sheet = [
        (50, 60, 18, "The River"),
        *set_in_lines(BODY[0], top=100),
        (50, 560, 7, "1 See the other book, page nine."),
    ]
    assert [(kind, words) for kind, _, words in of_pdf([sheet])] == [
        ("heading", "The River"),
        ("prose", " ".join(BODY[0])),
        ("note", "1 See the other book, page nine."),
    ]


def test_a_paragraph_goes_on_in_the_next_column():
    narrow = wrap(prose(8, 6)[0], 30)
    half = len(narrow) // 2
    assert not narrow[half - 1].endswith(".")
    right = [(230, *rest) for _, *rest in set_in_lines(narrow[half:], top=80)]
    assert of_pdf([set_in_lines(narrow[:half], top=80) + right]) == [("prose", 1, prose(8, 6)[0])]


def test_columns_from_top_to_bottom_are_read_as_lines_with_their_indents():
    columns = [
        "　川は昔から名を持つ。人は橋を渡り、",
        "舟を呼び、水の音を聞いた。",
        "　「遠い」と、１２人の旅人は言った。雨の",
        "日であった。",
    ]
    text = "".join(columns).replace("　", "\n").split()
    assert [(kind, words) for kind, words in vertical_pdf(columns)] == [("prose", words) for words in text]


def test_a_page_number_below_columns_is_dropped():
    columns = ["　川は昔から名を持つ。人は橋を渡り、", "舟を呼び、水の音を聞いた。"] * 3
    assert all("7" not in words for _, words in vertical_pdf(columns, (200, 560, 9, "7")))


def vertical_pdf(columns, *across):
    font, document = pymupdf.Font("japan"), pymupdf.open()
    sheet = document.new_page(width=420, height=595)
    writer = pymupdf.TextWriter(sheet.rect)
    for number, column in enumerate(columns):
        for place, sign in enumerate(column):
            writer.append((370 - 18 * number, 60 + 11 * place), sign, font=font, fontsize=11)
    for x, y, size, words in across:
        writer.append((x, y), words, font=font, fontsize=size)
    writer.write_text(sheet)
    return [(block.kind, block.text) for block in pdf.read(document.tobytes()).blocks]


def test_vowel_signs_told_twice_are_taken_once():
    assert pdf.with_accents("क्षेेत्र गुण्ण ललना") == "क्षेत्र गुण्ण ललना"


def test_accents_before_their_letter_are_put_on_it():
    assert pdf.with_accents("¨uber ´etude x´") == "über étude x´"


def test_an_encrypted_pdf_is_rejected_with_the_remedy():
    content = pdf_of([set_in_lines(BODY[0])], pymupdf.PDF_ENCRYPT_AES_256, owner_pw="a", user_pw="b")
    with pytest.raises(Rejected, match="encrypted; remove the password and add it again"):
        pdf.read(content)


def test_a_scan_needs_ocr_and_says_how_many_pages():
    with pytest.raises(Rejected, match="needs OCR: 3 pages without a text layer"):
        pdf.read(pdf_of([[], [], []]))


def test_bytes_that_are_no_pdf_are_rejected():
    with pytest.raises(Rejected, match="not a readable PDF"):
        pdf.read(b"%PDF-1.7 and nothing more")


def test_a_page_of_a_right_to_left_book_starts_at_the_right():
    line = Line("שלום עולם", 100, 10, 300, 20, 10)
    assert (line.start, line.end) == (-300, -100)


# --- one book


def test_a_book_is_read_with_its_figures(tmp_path):
    path = tmp_path / "a.epub"
    path.write_bytes(book(f"<h1>One</h1><p>{WORDS}</p>"))
    found = read(path)
    assert (found.rejected, found.paragraphs, found.words) == ("", 2, count_words(WORDS) + 1)
    assert list(found.letters) == ["LATIN"]


def test_lines_are_those_of_the_records_module(tmp_path):
    (tmp_path / "a.epub").write_bytes(book(f"<h1>Öne</h1><p>{WORDS}</p><p>a<br/>b<br/>c</p>"))
    (tmp_path / "one.jsonl").write_bytes(read(tmp_path / "a.epub").lines)
    write_paragraphs(tmp_path / "two.jsonl", read_paragraphs(tmp_path / "one.jsonl"))
    assert (tmp_path / "one.jsonl").read_bytes() == (tmp_path / "two.jsonl").read_bytes()


@pytest.mark.parametrize("format", ["epub", "pdf", "txt"])
def test_a_file_of_zero_bytes_is_rejected(tmp_path, format):
    (tmp_path / "a").write_bytes(b"")
    assert read(tmp_path / "a", format).rejected == "an empty file"


def test_a_file_that_changed_is_rejected_for_now(tmp_path):
    (tmp_path / "a.txt").write_text(WORDS)
    found = read_book(Request("b", (tmp_path / "a.txt",), "txt", "0" * 64, 5, 5, 1))
    assert (found.rejected, found.lasting) == ("changed while it was read; run again", False)


def test_a_file_that_is_gone_is_rejected_for_now(tmp_path):
    found = read(tmp_path / "gone.txt", "txt")
    assert "cannot be opened" in found.rejected and not found.lasting


def test_large_and_short_books_are_rejected_by_their_param(tmp_path):
    (tmp_path / "a.txt").write_text("word " * 300_000)
    assert "(extract.max_file_mb)" in read(tmp_path / "a.txt", "txt", max_file_mb=1).rejected
    (tmp_path / "b.txt").write_text("three words only")
    assert read(tmp_path / "b.txt", "txt").rejected == "only 3 words, fewer than 10 (extract.min_words)"


def test_several_files_are_one_book(tmp_path):
    parts = [f"{WORDS} one".encode(), f"{WORDS} two".encode()]
    for n, part in enumerate(parts):
        (tmp_path / str(n)).write_bytes(part)
    sha256 = hashlib.sha256("".join(hashlib.sha256(part).hexdigest() for part in parts).encode()).hexdigest()
    found = read_book(Request("b", tuple(tmp_path / str(n) for n in (0, 1)), "txt", sha256, 5, 5, 1))
    assert found.paragraphs == 2


# --- the stage


@pytest.fixture
def shelf(tmp_path, monkeypatch):
    """A project's root with params, an empty store and a function that puts books on the shelf."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LTM_KEYED", str(tmp_path / "keyed"))
    (tmp_path / "params.yaml").write_text(PARAMS)

    def put(files, languages=None, more=()):
        rows = []
        for name, content in files.items():
            Path(name).write_bytes(content)
            format, sha256 = name.rpartition(".")[2], hashlib.sha256(content).hexdigest()
            language = (languages or {}).get(name, "en")
            facts = (name.partition(".")[0], "T", "A", language, "core", "c", "own", name, format, sha256)
            rows.append(ShelfBook(*facts, len(content), "here", ""))
        write_csv(Path("data/shelf.csv"), ShelfBook, [*rows, *more])

    return put


def library():
    return {
        "b-epub.epub": book(f"<h1>One</h1><p>{WORDS}</p>"),
        "a-pdf.pdf": pdf_of([set_in_lines(lines) for lines in BODY]),
        "c-txt.txt": "\n\n".join(prose(9, 5)).encode(),
    }


def accounts():
    return {account.book_id: account for account in read_csv(Path("data/extract/accounts.csv"), Account)}


def outputs():
    return {path.name: path.read_bytes() for path in sorted(Path("data/extract").iterdir())}


def test_every_row_of_the_shelf_is_accounted_for_in_its_order(shelf):
    missing = ShelfBook("z", "T", "A", "en", "core", "c", "bookmap", "", "", "", 0, "missing", "no file here")
    shelf(library() | {"d-cut.epub": b"PK\x03\x04 cut"}, more=[missing])
    stage.main()
    found = accounts()
    assert [(name, account.status) for name, account in found.items()] == [
        ("b-epub", "read"),
        ("a-pdf", "read"),
        ("c-txt", "read"),
        ("d-cut", "rejected"),
        ("z", "missing"),
    ]
    assert found["z"].reason == "no file here" and "not a whole ZIP archive" in found["d-cut"].reason
    assert set(outputs()) == {"accounts.csv", "sketches.npz", "a-pdf.jsonl", "b-epub.jsonl", "c-txt.jsonl"}


def test_figures_of_an_account_are_those_of_its_text(shelf):
    shelf(library())
    stage.main()
    paragraphs = read_paragraphs(Path("data/extract/a-pdf.jsonl"))
    account = accounts()["a-pdf"]
    assert account.paragraphs == len(paragraphs)
    assert account.words == sum(count_words(paragraph.text) for paragraph in paragraphs)
    assert account.bytes == sum(len(paragraph.text.encode()) for paragraph in paragraphs)


def test_cold_and_warm_runs_give_the_same_bytes(shelf, tmp_path, monkeypatch):
    shelf(library())
    stage.main()
    cold = outputs()
    stage.main()
    warm = outputs()
    monkeypatch.setenv("LTM_KEYED", str(tmp_path / "other"))
    stage.main()
    assert cold == warm == outputs()


def test_adding_a_book_reads_one_book(shelf, capsys):
    files = library()
    last = files.popitem()
    shelf(files)
    stage.main()
    before = outputs()
    capsys.readouterr()
    shelf(files | dict([last]))
    stage.main()
    assert "3 books read (1 of them now)" in capsys.readouterr().out
    after = outputs()
    texts = [name for name in before if name.endswith(".jsonl")]
    assert len(texts) == 2 and [after[name] for name in texts] == [before[name] for name in texts]


def test_a_rejected_book_is_not_tried_again(shelf, capsys):
    shelf(library() | {"d-cut.epub": b"PK\x03\x04 cut"})
    stage.main()
    stage.main()
    assert "3 books read (0 of them now), 1 rejected" in capsys.readouterr().out


def test_a_book_removed_from_the_shelf_leaves_no_text(shelf):
    files = library()
    shelf(files)
    stage.main()
    files.pop("c-txt.txt")
    shelf(files)
    stage.main()
    assert "c-txt.jsonl" not in outputs()


def test_a_book_in_a_script_that_is_not_its_languages_is_rejected(shelf):
    shelf(library(), languages={"c-txt.txt": "ru"})
    stage.main()
    assert accounts()["c-txt"].reason == (
        "wrong script: 100% of its letters are Latin, and its language 'ru' is written in Cyrillic"
    )


def test_a_book_over_the_time_limit_is_rejected_and_tried_again(shelf, capsys):
    shelf({"slow.txt": ("\n\n".join(prose(2, 4000))).encode()})
    Path("params.yaml").write_text(PARAMS.replace("seconds: 60", "seconds: 0.01"))
    with pytest.raises(UserError, match=r"took longer than 0.01 s \(workers.seconds\)"):
        stage.main()
    Path("params.yaml").write_text(PARAMS)
    stage.main()
    assert "1 books read (1 of them now)" in capsys.readouterr().out


def test_the_rejected_are_named_at_the_end(shelf, capsys):
    shelf(library() | {f"x{n}.pdf": b"%PDF" for n in range(7)})
    stage.main()
    told = capsys.readouterr().out
    assert "x0 rejected: not a readable PDF" in told and "and 2 more; all are in data/extract/accounts.csv" in told


def test_a_shelf_of_which_nothing_can_be_read_is_an_error_with_the_reasons(shelf):
    shelf({"a.pdf": b"%PDF", "b.epub": b"PK"})
    with pytest.raises(UserError, match="none of 2 books could be read: 1 x not a"):
        stage.main()


def test_a_missing_shelf_names_the_stage_that_makes_it(shelf):
    with pytest.raises(UserError, match=r"data/shelf.csv is not there; run `dvc repro bookmap` first"):
        stage.main()


def test_an_unknown_format_names_those_that_can_be_read(shelf):
    shelf({"a.docx": b"PK"})
    with pytest.raises(UserError, match="format 'docx'; formats that can be read: epub, pdf, txt"):
        stage.main()


def test_an_entry_of_the_store_holds_what_the_account_needs(shelf, tmp_path):
    shelf(library())
    stage.main()
    figures = json.loads(next((tmp_path / "keyed").rglob("figures.json")).read_text())
    assert set(figures) == set(stage.FIGURES)


def test_all_modules_that_read_are_in_the_key():
    modules = {path.stem for path in Path(stage.__file__).parent.glob("*.py")} - {"__init__", "__main__"}
    assert modules == {*stage.READER.split(), "kinship"}  # kinship judges what was read


def test_a_paragraph_has_the_fields_that_the_key_names():
    assert list(Paragraph.__dataclass_fields__) == ["index", "chapter", "page", "kind", "text"]


# --- real books, where the corpus lies beside the project


def corpus():
    folder = Path(os.environ.get("LTM_CORPUS") or Path(__file__).parents[2] / "shared" / "corpus")
    return folder if (folder / "index.csv").exists() else None


REAL = {
    "pg/13726/13726.epub": 45_000,
    "epub/epubjs-alice.epub": 9_000,
    "pdf/essays-on-the-theory-of-numbers.pdf": 28_000,
    "txt/candide-ou-l-optimisme.txt": 30_000,
}


if corpus():

    @pytest.mark.parametrize("name", REAL)
    def test_real_books_are_read_nearly_whole_and_without_licences(name):
        path = corpus() / name
        found = read(path, path.suffix[1:], max_unpacked_mb=100)
        assert found.words > REAL[name]
        assert b"Gutenberg License" not in found.lines and b"START OF TH" not in found.lines
