"""Whether the languages that were detected in a book are those of its row: which languages pass for one another."""

from collections.abc import Mapping

# The languages that the library knows; of a row in another one only the script is judged.
KNOWN = frozenset(
    "ace af am an ar ary arz as az ba bcl be bg bn br bs ca crh cs cy da de dz el en eo es et eu ext fa fi fo fr fuv fy"
    " ga gcf gcr gd gl gom grc gu gug guw ha hbo he hi hr ht hu hy id ig is it ja jv ka kab kik kk km kn ko ku ky la lb"
    " lg lij ln lo lt ltg lv mg mk ml mn mr ms mt my ne nl nn no nso oc om or pa pcm pl ps pt qu ro ru rw sa sdh se si"
    " sk sl sn so sq sr st sv sw ta te tg th tk tl tr tt ug uk ur uz uzs vec vi vo wa wuu xh yo yue zh zu".split()
)
# Languages of a line pass for one another: near ones, older forms, dialects, and codes of one language.
KIN = tuple(
    frozenset(line.split())
    for line in """
    en enm ang sco pcm
    de gmh goh gsw bar nds pdc pfl lb
    nl dum af nds fy li vls zea
    fr frm fro oc pro wa pcd nrf frp
    fr gcf gcr ht
    oc pro ca
    es osp ext an ast gl lad
    pt gl mwl
    it vec lij nap scn fur lmo pms egl co rgn sc
    ro mo rup
    no nb nn da non
    sv nb no nn
    is fo non
    fi olo vep krl fkv
    et vro
    lv ltg
    cs sk
    pl szl csb
    ru orv cu
    uk rue be
    bg mk cu
    sr hr bs sh me cnr
    sl hr
    el grc gkm
    he iw hbo arc
    ar arz ary arb apc acm
    fa prs tg
    ku ckb kmr sdh
    ps pbt
    tr ota az crh
    tk uz uzs
    kk ky
    tt ba
    hi mr ne sa bho mai awa pi kok gom
    pa pnb
    bn as
    zh lzh cmn yue wuu hak nan gan
    id ms jv su ace zlm min
    tl fil ceb ilo hil bcl war pam pag
    ga gle gd gla gv sga mga
    cy br kw
    st nso tn
    zu xh ss nr
    rw rn
    lg nyn
    mg plt
    sq als
    hy xcl
    bo dz
    qu quz
    gn gug
    ff fuv
    eo io ia
    """.strip().splitlines()
)
FITS = 0.25  # share of a book in the row's languages or their kin that is enough
CLEAR = 0.75  # share of a book in one language from which that is what the book is written in


def codes_of(row: str) -> set[str]:
    """The codes of a row's language, which may hold several tags.

    Example: "zh+en-GB" -> {"zh", "en"}
    """
    for sign in ";/,":
        row = row.replace(sign, "+")
    return {code.strip().split("-")[0].lower() for code in row.split("+")} - {""}


def fit(detected: Mapping[str, float], row: str) -> str:
    """How the shares of the languages of a book fit its row's language: right, kin, wrong or unknown."""
    codes = codes_of(row)
    near = {code for line in KIN if line & codes for code in line}
    if sum(share for code, share in detected.items() if code in codes) >= FITS:
        return "right"
    if sum(share for code, share in detected.items() if code in codes | near) >= FITS:
        return "kin"
    clear = max(detected.values(), default=0.0) >= CLEAR
    return "wrong" if clear and codes and codes <= KNOWN else "unknown"


def foreign_language(detected: Mapping[str, float], row: str) -> str:
    """Why the text of a book does not fit its row's language; "" where it does or nothing can be said."""
    if fit(detected, row) != "wrong":
        return ""
    main = max(detected, key=lambda code: detected[code])
    return f"wrong language: {detected[main]:.0%} of it is '{main}', its row says '{row}'; correct the row's language"


def told(detected: Mapping[str, float]) -> str:
    """The two main languages with their shares.

    Example: {"en": 0.62, "la": 0.38} -> "en 0.62 la 0.38"
    """
    return " ".join(f"{code} {share:.2f}" for code, share in list(detected.items())[:2])
