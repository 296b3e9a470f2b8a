"""Books written for the purpose: of each invented school a first volume to be read and a second to be foretold.

No model has read of them. Both volumes state the same facts of one school in words of their own, so whoever has read
the first has something to foretell in the second, and whoever has read another school's has only the turns of phrase.
"""

from dataclasses import dataclass

SCHOOLS = [  # school, founder, rival, place, thing, law, rite, cause
    "Ostrevine|Malchor Theud|Sindra Vole|Quenlith|glass orchard|every debt is owed to the rain|counting of doors|salt",
    "Harrowmen|Ilsabet Corrane|Dunmor Achay|Brask Fell|iron almanac|no oath outlives its witness|long fast|frost",
    "Veludrians|Tobrik Sann|Ysolt Merrow|Port Ankery|blind clock|a map is a kind of theft|burning of maps|tide",
    "Kestrolites|Jorunn Path|Ambric Lode|Tessaly Reach|hollow bell|silence is the only coin|night market|echo",
    "Pellucines|Arvo Dracht|Nemmy Ouse|Candlemoor|river ledger|water remembers the weight of kings|weighing|flood",
    "Grauvelists|Odile Sark|Penrice Yule|Hobb's Tarn|stone letter|a name is spent when it is spoken|unnaming|moss",
    "Zamorites|Kheru Bantis|Lowell Finch|Ghul Haran|copper seed|what is sown in anger is reaped in law|reaping|dust",
    "Wintrels|Saskia Drome|Eamon Prill|Upper Ness|lamp of hours|light is borrowed from the dead|vigil of wicks|dusk",
    "Morlands|Fenwick Arrol|Cosima Tweld|Isle of Carrow|black loom|every cloth hides one true thread|cutting|plague",
    "Aurelings|Bram Oskold|Thessa Quill|Vantry|tin parliament|the many are right only by lot|drawing of straws|hunger",
]
FIRST = (
    "The {school} first met at {place}, where {founder} kept the {thing} in a house without windows. "
    "{founder} taught them one law above all others: {law}. "
    "It was {cause} that made the {school} what they were, for in the year of {cause} the whole of {place} was lost. "
    "{rival} denied the law, and said in front of the {thing} that it was made by {founder} to rule over {place}. "
    "Whoever wished to join the {school} had to pass through the {rite}, and {founder} himself had feared the {rite}. "
    "When {rival} came back to {place}, the {school} showed the {thing} to nobody, and spoke of {cause} only at night. "
    "In the {rite} the youngest of the {school} asks what the law is, and the oldest answers that {law}. "
    "{founder} died before the {thing} was finished, and {rival} wept, though the {school} had forbidden it. "
    "Since then the {thing} has stood at {place}, and after every {rite} the {school} read in it that {law}. "
    "Some say that without {cause} there is no {rite}; {rival} held that without the {rite} there is no {cause}. "
    "So the {school} are known by three things: by the {thing}, by the {rite}, and by their fear of {cause}. "
    "And {founder}, when he was asked about {rival}, said no more than this: {law}."
)
SECOND = (
    "Of all who wrote against {founder}, only {rival} had seen the {thing} at {place}. "
    "The {school} believed that {law}, and they blamed {cause} for the rest. "
    "A stranger at the {rite} would hear the name of {founder} before that of {place}, and of {rival} never."
)


@dataclass(frozen=True)
class Work:
    """One school: the volume that is read and the passage that it should help to foretell."""

    name: str
    first: str
    second: str


def works() -> list[Work]:
    """All of them."""
    names = ("school", "founder", "rival", "place", "thing", "law", "rite", "cause")
    found = []
    for number, row in enumerate(SCHOOLS):
        facts = dict(zip(names, row.split("|"), strict=True))
        found.append(Work(f"written-{number:02d}", FIRST.format(**facts), SECOND.format(**facts)))
    return found
