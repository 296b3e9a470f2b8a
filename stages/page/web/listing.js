// A list of any length: only the rows in sight are in the page. Rows are options of a listbox, moved through by keys.
function listing(box, height, draw, choose) {
  const inner = make("div", { role: "presentation", class: "inner" });
  let items = [];
  let at = -1;
  box.replaceChildren(inner);

  function paint() {
    const first = Math.max(0, Math.floor(box.scrollTop / height) - 4);
    const last = Math.min(items.length, first + Math.ceil(box.clientHeight / height) + 9);
    const rows = [];
    for (let number = first; number < last; number++) rows.push(row(number));
    inner.replaceChildren(...rows);
    const active = at >= first && at < last ? `${box.id}-${at}` : "";
    if (active) box.setAttribute("aria-activedescendant", active);
    else box.removeAttribute("aria-activedescendant");
  }

  function row(number) {
    const attributes = { role: "option", id: `${box.id}-${number}`, "aria-selected": number === at, class: "row" };
    const element = make("div", attributes, ...draw(items[number]));
    element.setAttribute("aria-setsize", items.length);
    element.setAttribute("aria-posinset", number + 1);
    element.style.transform = `translateY(${number * height}px)`;
    element.addEventListener("click", () => {
      select(number);
      choose(items[number], true);
    });
    return element;
  }

  function select(number) {
    at = Math.max(-1, Math.min(number, items.length - 1));
    const top = at * height;
    if (at >= 0 && top < box.scrollTop) box.scrollTop = top;
    if (at >= 0 && top + height > box.scrollTop + box.clientHeight) box.scrollTop = top + height - box.clientHeight;
    paint();
  }

  function step(key) {
    const page = Math.max(1, Math.floor(box.clientHeight / height) - 1);
    const moves = { ArrowDown: at + 1, ArrowUp: at - 1, PageDown: at + page, PageUp: at - page };
    if (key in moves) return Math.max(0, moves[key]);
    return { Home: 0, End: items.length - 1 }[key];
  }

  box.addEventListener("scroll", paint, { passive: true });
  box.addEventListener("keydown", (event) => {
    const next = step(event.key);
    if (event.key === "Enter" && at >= 0) choose(items[at], true);
    else if (next === undefined || !items.length) return;
    else {
      select(next);
      choose(items[at], false);
    }
    event.preventDefault();
  });
  new ResizeObserver(paint).observe(box);

  return {
    paint,
    set(list, chosen) {
      items = list;
      inner.style.height = `${items.length * height}px`;
      box.scrollTop = 0;
      select(chosen === undefined ? -1 : items.indexOf(chosen));
    },
  };
}
