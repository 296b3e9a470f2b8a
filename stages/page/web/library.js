// The accounts: every book with what became of it.
async function libraryBrowser(showBook) {
  const [ids, titles, authors, languages, tiers, categories, statuses, reasons, paths] = await unpackJson("data-books");
  const facets = { status: statuses, tier: tiers, language: languages };
  const controls = Object.fromEntries(Object.keys(facets).map((key) => [key, place(`book-${key}`)]));
  const query = place("book-query");
  const words = ids.map((id, book) => fold([id, titles[book], authors[book], categories[book], reasons[book], paths[book]].join("\n")));
  const list = listing(place("book-list"), 64, draw, (book, step) => step && statuses[book] !== "missing" && showBook(ids[book]));

  function draw(book) {
    const end = reasons[book] ? `${named(statuses[book])}: ${reasons[book]}` : named(statuses[book]);
    return [
      quoted("div", titles[book], languages[book], { class: "title" }),
      quoted("div", authors[book], undefined, { class: "meta" }),
      make("div", { class: "meta" }, make("span", { class: `status ${statuses[book]}` }, end), ` · ${[ids[book], tiers[book], categories[book], languages[book], paths[book]].filter(Boolean).join(" · ")}`),
    ];
  }

  function filter() {
    const wanted = Object.keys(facets).filter((key) => controls[key].value);
    const needles = wordsOf(query.value).words;
    const found = [];
    for (let book = 0; book < ids.length; book++) {
      const fits = wanted.every((key) => facets[key][book] === controls[key].value);
      if (fits && needles.every((word) => words[book].includes(word))) found.push(book);
    }
    list.set(found);
    place("book-count").textContent = `${counted(found.length)} of ${counted(ids.length)} books`;
  }

  for (const [key, values] of Object.entries(facets)) {
    fillSelect(controls[key], values, { language: languageName, status: named }[key]);
    controls[key].addEventListener("input", filter);
  }
  query.addEventListener("input", filter);
  filter();
}

const named = (status) => ({ probe: "held out for the probe" })[status] ?? status;
