"""Which scripts a text is written in, and which its language is written in."""

import unicodedata
from collections import Counter
from collections.abc import Mapping
from functools import lru_cache

LANGUAGES = {
    "LATIN": "af ang ast az bi br bs ca ceb cs cy da de dum en enm eo es et eu fi fo fr frm fro fy ga gd gl gmh gml goh"
    " gsw hr hu ia ilo is it jbo kj la lb lt lv mg mi ms mt nah nap nb nl nn no non nv oc pl pt rm ro sco sk sl so sq"
    " sv sw tl to tr vi wa zu",
    "CYRILLIC": "ab be bg ce cu kk ky mk mn os ru rue sr tg tt uk",
    "GREEK": "el grc",
    "HEBREW": "he yi arc hbo iw lad",
    "ARABIC": "ar fa ps sd ug ur ckb arz",
    "DEVANAGARI": "hi mr ne sa bho mai pi",
    "CJK": "zh lzh yue ja cmn wuu",
    "HIRAGANA": "ja",
    "KATAKANA": "ja",
    "HANGUL": "ko",
    "ARMENIAN": "hy xcl",
    "GEORGIAN": "ka",
    "BENGALI": "bn as",
    "GURMUKHI": "pa",
    "GUJARATI": "gu",
    "TAMIL": "ta",
    "TELUGU": "te",
    "KANNADA": "kn",
    "MALAYALAM": "ml",
    "SINHALA": "si pi",
    "THAI": "th",
    "LAO": "lo",
    "TIBETAN": "bo dz",
    "MYANMAR": "my pi",
    "ETHIOPIC": "am ti gez",
    "KHMER": "km",
    "SYRIAC": "syc arc",
    "COPTIC": "cop",
    "GOTHIC": "got",
}
ALSO_LATIN = "sr az kk sa pi yi uz ku mn tt"  # languages written in Latin letters too, by many of their books
ALSO_CJK = "ko"  # mixed script of older Korean books


def scripts_of_language(language: str) -> set[str]:
    """The scripts of a language tag; several tags are joined with "+" or ";". Empty for a language not in the table.

    Example: "zh+en" -> {"CJK", "LATIN"}
    """
    codes = {code.strip().split("-")[0].lower() for code in language.replace(";", "+").split("+")}
    scripts = {script for script, names in LANGUAGES.items() if codes & set(names.split())}
    if codes & set(ALSO_LATIN.split()):
        scripts.add("LATIN")
    if codes & set(ALSO_CJK.split()):
        scripts.add("CJK")
    known = {name for names in LANGUAGES.values() for name in names.split()} | set(ALSO_LATIN.split())
    return scripts if codes <= known else set()


def letters_by_script(text: str) -> dict[str, int]:
    """Count the letters of `text` by Unicode script, most frequent first."""
    counts: Counter[str] = Counter()
    for character, count in Counter(text).items():
        if character.isalpha():
            counts[script_of(character)] += count
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))


@lru_cache(maxsize=4096)
def script_of(letter: str) -> str:
    """The script of a letter, from its Unicode name.

    Example: "я" -> "CYRILLIC"
    """
    return unicodedata.name(letter, "UNKNOWN").partition(" ")[0].partition("-")[0]


def foreign_script(letters: Mapping[str, int], language: str, least: float) -> str:
    """Why letters do not fit a language: less than the share `least` of them is in its scripts. "" where they fit."""
    expected, total = scripts_of_language(language), sum(letters.values())
    if not expected or not total:
        return ""
    share = sum(count for script, count in letters.items() if script in expected) / total
    if share >= least:
        return ""
    main = max(letters, key=lambda script: letters[script])
    return (
        f"wrong script: {letters[main] / total:.0%} of its letters are {main.capitalize()}, "
        f"and its language '{language}' is written in {' or '.join(sorted(name.capitalize() for name in expected))}"
    )
