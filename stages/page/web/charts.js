// The charts, one after the other, with values under the pointer in words.
function showTip(_, event, __, value) {
  const tip = place("tip");
  tip.hidden = !value;
  if (!value) return;
  const lines = Object.entries(value).filter(([, text]) => text !== undefined && text !== "undefined" && text !== "null");
  tip.replaceChildren(make("dl", {}, ...lines.map(([name, text]) => make("div", {}, make("dt", {}, name), make("dd", {}, String(text))))));
  const width = document.documentElement.clientWidth;
  tip.style.left = `${Math.max(4, Math.min(event.clientX + 14, width - tip.offsetWidth - 4))}px`;
  tip.style.top = `${Math.max(4, event.clientY + 18 + tip.offsetHeight > innerHeight ? event.clientY - tip.offsetHeight - 10 : event.clientY + 18)}px`;
}

async function drawCharts() {
  const specs = await unpackJson("data-charts");
  const options = { actions: false, renderer: "svg", ast: true, defaultStyle: false, mode: "vega-lite", tooltip: showTip };
  for (const box of document.querySelectorAll("[data-chart]")) {
    await window.vegaEmbed(box, specs[box.dataset.chart], options);
    await pause();
  }
}
