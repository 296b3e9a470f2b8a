function placeOf(index, scene) {
  const [first, last, page] = [index.first[scene], index.last[scene], index.page[scene]];
  const paragraphs = first === last ? `paragraph ${first}` : `paragraphs ${first}-${last}`;
  return { chapter: index.chapter[scene], at: page === null ? paragraphs : `${paragraphs}, page ${page}` };
}

// All of one scene: where it stands, why it was chosen, its scores, its forms, what lost, and what a person may decide.
function sceneParts(one) {
  const { book } = one;
  const facts = {
    place: make("span", {}, quoted("span", one.place.chapter, book.language), one.place.chapter ? ", " : "", one.place.at),
    language: languageName(book.language), tier: book.tier, category: book.category, kind: one.kind, state: stateOf(one), "its book": book.fate,
    length: `${one.tokens} tokens, ${one.words} words, ${one.bytes} bytes`, id: make("code", {}, one.id),
  };
  return [
    quoted("h3", book.title, book.language),
    quoted("p", book.author, undefined, { class: "author" }),
    quoted("blockquote", one.passage, book.language, { class: "passage" }),
    make("p", {}, make("strong", {}, "Why it was chosen: "), one.reason || "not told"),
    make("dl", { class: "facts" }, ...Object.entries(facts).map(fact)),
    scoreTable(one),
    ...Object.entries(one.forms).map(([name, form]) => formPart(name, form, book.language)),
    ...(one.lost.length ? [lostPart(one.lost)] : []),
    decisionPart(one),
  ];
}

const fact = ([name, value]) => make("div", {}, make("dt", {}, name), make("dd", {}, value));
const stateOf = (one) => (one.why ? `${one.state}: ${one.why}` : one.state);

function scoreTable(one) {
  const rows = [["quality", one.quality], ["density", one.density], ...Object.entries(one.scores)].map(([name, share]) => {
    const measured = one.features[name];
    const meter = make("meter", { min: 0, max: 1, value: share, "aria-label": name });
    const cells = [make("td", { class: "digits" }, share.toFixed(3)), make("td", {}, meter)];
    const value = make("td", { class: "digits" }, measured === undefined ? "" : String(measured));
    return make("tr", {}, make("th", { scope: "row" }, name.replaceAll("_", " ")), ...cells, value);
  });
  const names = ["score", "passages below", "", "measured"].map((name) => make("th", { scope: "col" }, name));
  return make("table", { class: "scores" }, make("thead", {}, make("tr", {}, ...names)), make("tbody", {}, ...rows));
}

function formPart(name, form, language) {
  const parts = typeof form === "string" ? [["", form]] : Object.entries(form);
  const lines = parts.flatMap(([label, text]) => [
    label ? make("p", { class: "label" }, label) : null,
    quoted("p", text, language, { class: "passage" }),
  ]);
  return make("details", {}, make("summary", {}, `as ${name}`), ...lines);
}

function lostPart(lost) {
  const lines = lost.map(([at, quality, reason]) => make("li", {}, make("code", {}, at), ` ${quality.toFixed(3)}, ${reason}`));
  return make("details", {}, make("summary", {}, `passages of this book that lost: ${lost.length}`), make("ul", {}, ...lines));
}
