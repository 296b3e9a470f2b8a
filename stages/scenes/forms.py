"""Forms: how a scene is written for training, from its own sentences and without any model."""

from stages.scenes.density import WORD, markers
from stages.shared.passages import sentences

# The frame of a form in the book's language: (continue the thought, what follows, what stands against it).
FRAMES = {
    "en": ("Continue this thought.", "What does the author hold here?", ("Thesis", "Counter-move", "Becomes")),
    "fr": ("Poursuivez cette pensée.", "Que soutient l'auteur ici ?", ("Thèse", "Contre-mouvement", "Devient")),
    "de": ("Führe diesen Gedanken fort.", "Was vertritt der Autor hier?", ("These", "Gegenzug", "Wird zu")),
    "fi": ("Jatka tätä ajatusta.", "Mitä kirjoittaja tässä väittää?", ("Väite", "Vastaväite", "Tulos")),
    "es": ("Continúa este pensamiento.", "¿Qué sostiene aquí el autor?", ("Tesis", "Contra", "Resulta")),
    "it": ("Continua questo pensiero.", "Che cosa sostiene qui l'autore?", ("Tesi", "Contromossa", "Diventa")),
    "ru": ("Продолжи эту мысль.", "Что утверждает здесь автор?", ("Тезис", "Возражение", "Итог")),
    "la": ("Perge hanc cogitationem.", "Quid hic auctor contendit?", ("Thesis", "Antithesis", "Fit")),
    "zh": ("续写此意。", "作者在此主张什么？", ("正", "反", "合")),
    "he": ("המשך את המחשבה.", "מה טוען המחבר כאן?", ("תזה", "אנטיתזה", "נעשה")),
    "ar": ("أكمل هذه الفكرة.", "ماذا يرى المؤلف هنا؟", ("القضية", "نقيضها", "المآل")),
    "fa": ("این اندیشه را ادامه بده.", "نویسنده در اینجا چه می‌گوید؟", ("نهاد", "برابرنهاد", "فرجام")),
    "sa": ("इमं विचारं प्रवर्तय।", "अत्र किं प्रतिपाद्यते?", ("पूर्वपक्षः", "उत्तरपक्षः", "सिद्धान्तः")),
}


def forms(text: str, language: str) -> dict[str, object]:
    """All forms of a scene; a language without a frame of its own takes the English one.

    passage: the scene itself
    instruction: markdown, the first half given and the second half asked for
    qa: the question what the author holds, with the first sentence quoted; the other sentences answer
    tension: thesis -> its counter-move -> what it becomes, cut at the strongest turn
    """
    ask, question, names = FRAMES.get(language, FRAMES["en"])
    pieces = [piece.strip() for piece in sentences(text) if piece.strip()]
    gap = "\n" if "\n" in text and "\n\n" not in text else " " if " " in text else ""
    half, turn = max(1, len(pieces) // 2), turning_point(pieces, language)
    parts = (pieces[:turn], pieces[turn : turn + 1], pieces[turn + 1 :])
    return {
        "passage": text,
        "instruction": f"### {ask}\n\n{gap.join(pieces[:half])}\n\n---\n\n{gap.join(pieces[half:])}",
        "qa": {"question": f"{question}\n\n\u00ab{pieces[0]}\u00bb", "answer": gap.join(pieces[1:])},
        "tension": {name: gap.join(part) for name, part in zip(names, parts, strict=True)},
    }


def turning_point(pieces: list[str], language: str) -> int:
    """Index of the sentence that turns the thought: most contrast words a word, not at an end; else the middle.

    Example: ["All is one.", "But it moves.", "So it changes."] -> 1
    """
    listed = markers().get(language, {}).get("contrast", frozenset())
    inner = range(1, len(pieces) - 1)
    best = max(inner, key=lambda index: share(pieces[index], listed), default=0)
    return best if best and share(pieces[best], listed) else len(pieces) // 2


def share(piece: str, listed: frozenset[str]) -> float:
    """Share of listed words among the words of a sentence."""
    words = WORD.findall(piece.casefold())
    return sum(word in listed for word in words) / len(words) if words else 0.0
