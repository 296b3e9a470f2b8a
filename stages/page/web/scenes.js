// The browser of scenes: filters over the index, a list, and the scene that is chosen.
const FACETS = ["tier", "category", "language", "kind", "state"];

// The index column by column, those of the book among them.
async function readIndex() {
  const index = await unpackJson("data-index");
  index.books = index.books.map(([id, title, author, language, tier, category, fate]) => ({
    id, title, author, language, tier, category, fate, words: fold(`${title}\n${author}\n${category}`),
  }));
  index.bookOf = (scene) => index.books[index.book[scene]];
  for (const key of ["tier", "category", "language"]) index[key] = index.book.map((book) => index.books[book][key]);
  const all = Array.from(index.id, (_, scene) => scene);
  const best = (key) => all.toSorted((one, other) => index[key][other] - index[key][one]);
  index.orders = { "": all, quality: best("quality"), density: best("density") };
  return index;
}

// The scenes that a state of the filters lets through, in its order.
function matching(index, holds, state) {
  const { book, words } = wordsOf(state.q);
  const wanted = FACETS.filter((key) => state[key]);
  const inBook = index.books.map((one) => words.map((word) => one.words.includes(word)));
  return index.orders[state.sort].filter(
    (scene) =>
      wanted.every((key) => index[key][scene] === state[key]) &&
      (!book || index.bookOf(scene).id === book) &&
      words.every((word, number) => inBook[index.book[scene]][number] || holds(scene, word)),
  );
}

// The words of the search are lit where the browser can; the text stays one text.
function light(elements, words) {
  if (!CSS.highlights) return;
  const ranges = elements.flatMap(({ firstChild: text }) =>
    standing(text?.data ?? "", words).map(([start, end]) => {
      const range = new Range();
      range.setStart(text, start);
      range.setEnd(text, end);
      return range;
    }),
  );
  CSS.highlights.set("found", new Highlight(...ranges));
}

// The beginning of a passage, or what stands around the first word that was searched.
function snippet(passage, words) {
  const first = words.length ? (standing(passage, words)[0]?.[0] ?? 0) : 0;
  if (first < 40) return passage.slice(0, 240);
  const space = passage.indexOf(" ", first - 24) + 1;
  return `… ${passage.slice(space > 0 && space <= first ? space : first - 12, first + 200)}`;
}

function sceneRow(index, passages, scene, words) {
  const book = index.bookOf(scene);
  const facts = [book.tier, book.category, book.language, index.kind[scene], index.quality[scene].toFixed(2)];
  if (index.state[scene] !== "accepted") facts.push(index.state[scene]);
  return [
    quoted("div", book.title, book.language, { class: "title" }),
    make("div", { class: "meta" }, facts.join(" · ")),
    quoted("div", snippet(passages[scene] ?? "", words), book.language, { class: "snippet" }),
  ];
}

async function sceneBrowser() {
  const index = await readIndex();
  const texts = sceneTexts(index);
  const controls = Object.fromEntries(FILTERS.map((key) => [key, place(key === "q" ? "query" : key)]));
  const article = place("scene");
  let chosen = -1;
  let waiting = 0;
  const list = listing(place("scene-list"), 82, (scene) => sceneRow(index, texts.passages, scene, words()), choose);

  const words = () => wordsOf(controls.q.value).words;
  const state = () => ({
    ...Object.fromEntries(FILTERS.map((key) => [key, controls[key].value.trim()])),
    scene: chosen < 0 ? "" : index.id[chosen],
  });

  function filter() {
    const found = matching(index, texts.holds, state());
    list.set(found, chosen);
    light([...article.querySelectorAll(".passage")], words());
    place("count").textContent = `${counted(found.length)} of ${counted(index.id.length)} scenes`;
  }

  async function choose(scene, step) {
    chosen = scene;
    writeHash(state(), step);
    await show(scene);
    if (!step) return;
    article.focus({ preventScroll: true });
    if (matchMedia("(max-width: 900px)").matches) article.scrollIntoView();
  }

  async function show(scene) {
    const details = await texts.opened(scene);
    if (scene !== chosen) return; // another one was chosen meanwhile
    const [id, book, at] = [index.id[scene], index.bookOf(scene), placeOf(index, scene)];
    const [kind, quality, density] = ["kind", "quality", "density"].map((key) => index[key][scene]);
    const lost = details.lost[book.id] ?? [];
    const one = { ...details, id, book, place: at, kind, quality, density, state: index.state[scene], lost };
    article.replaceChildren(...sceneParts(one));
    article.scrollTop = 0;
    light([...article.querySelectorAll(".passage")], words());
  }

  // Takes filters and scene from the address; a choice that is not there is no filter.
  function follow(wanted) {
    for (const key of FILTERS) {
      controls[key].value = wanted[key];
      if (controls[key].selectedIndex < 0) controls[key].value = "";
    }
    chosen = index.id.indexOf(wanted.scene);
    filter();
    if (chosen >= 0) return show(chosen);
    const told = wanted.scene ? `There is no scene ${wanted.scene} in this page.` : "No scene is chosen.";
    article.replaceChildren(make("p", { class: "note" }, told));
  }

  async function readTexts() {
    let first = true;
    await texts.read((share) => {
      if (first) list.paint();
      first = false;
      place("loading").textContent = share < 1 ? `· texts read: ${Math.round(100 * share)} %` : "";
    });
    if (controls.q.value) filter();
    else list.paint();
  }

  for (const key of FACETS) fillSelect(controls[key], index[key], key === "language" ? languageName : undefined);
  for (const control of Object.values(controls)) {
    control.addEventListener("input", () => {
      clearTimeout(waiting);
      waiting = setTimeout(() => (filter(), writeHash(state(), false)), control === controls.q ? 90 : 0);
    });
  }
  return { follow, filter, readTexts };
}
