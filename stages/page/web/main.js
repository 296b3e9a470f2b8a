// First the list, then its texts and the charts.
function tell(fault) {
  place("trouble").hidden = false;
  place("trouble").textContent = `Something of this page does not work in this browser: ${fault}`;
}

function keys(event) {
  const typing = event.target.closest?.("input, textarea, select");
  if (event.key === "/" && !typing) {
    event.preventDefault();
    place("query").focus();
  } else if (event.key === "Escape" && place("scenes").contains(event.target)) {
    place("scene-list").focus();
  } else if (event.key === "ArrowDown" && event.target === place("query")) {
    event.preventDefault();
    place("scene-list").focus();
  }
}

async function start() {
  const parsed = new Promise((done) => document.addEventListener("DOMContentLoaded", done, { once: true }));
  const scenes = await sceneBrowser();
  const follow = () => {
    if (!readHash()) return;
    scenes.follow(readHash());
    place("scenes").scrollIntoView();
  };
  const showBook = (id) => {
    location.hash = `#${new URLSearchParams({ q: `book:${id}` })}`;
  };
  window.addEventListener("hashchange", follow);
  window.addEventListener("keydown", keys);
  for (const form of document.querySelectorAll("form")) form.addEventListener("submit", (event) => event.preventDefault());
  if (!readHash()) scenes.filter();
  document.documentElement.dataset.list = "ready";
  await parsed;
  await libraryBrowser(showBook);
  follow();
  await Promise.all([scenes.readTexts(), drawCharts()]);
  document.documentElement.dataset.page = "ready";
}

window.addEventListener("unhandledrejection", (event) => tell(event.reason));
start();
