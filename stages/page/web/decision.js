// The entry of data/curation.yaml for a scene. A double-quoted string of JSON is one of YAML too.
const ODD = /[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g;
const escaped = (letter) => `\\u${letter.charCodeAt(0).toString(16).padStart(4, "0")}`;
const yamlString = (text) => JSON.stringify(text).replace(ODD, escaped);
const isName = (text) => /^[a-z][\w.-]*$/i.test(text) && !/^(true|false|yes|no|on|off|null|y|n)$/i.test(text);
const yamlName = (text) => (isName(text) ? text : yamlString(text));

// A block of lines where they can stand as they are.
function yamlText(text) {
  const trimmed = text.replace(/^\n+|\n+$/g, "");
  if (!/^\S[^\x00-\x09\x0b-\x1f]*$/.test(trimmed) || trimmed.search(ODD) >= 0) return yamlString(trimmed);
  return `|\n${trimmed.replace(/^(?=.)/gm, "      ")}`;
}

function entryOf(one, decision) {
  const lines = [
    `  - scene: ${yamlName(one.id)}`,
    `    sha256: ${/[a-df]/.test(one.sha256) ? one.sha256 : yamlString(one.sha256)}`,
    `    do: ${decision.do}`,
    ...(decision.do === "replace" ? [`    text: ${yamlText(decision.text)}`] : []),
    `    why: ${yamlString(decision.why)}`,
  ];
  return `${lines.join("\n")}\n`;
}

async function copy(area, note) {
  area.select();
  try {
    await navigator.clipboard.writeText(area.value);
    note.textContent = "copied";
  } catch {
    note.textContent = document.execCommand("copy") ? "copied" : "it is selected: copy it with your keys";
  }
}

function decisionPart(one) {
  const picks = ["drop", "pin", "replace"].map((name) => make("option", {}, name));
  const what = make("select", { "aria-label": "decision" }, ...picks);
  const why = make("input", { type: "text", dir: "auto", "aria-label": "why", placeholder: "why" });
  const text = make("textarea", { rows: 8, dir: "auto", lang: one.book.language, "aria-label": "the passage as it should read" });
  const entry = make("textarea", { class: "entry", readonly: "readonly", rows: 5, "aria-label": "entry of data/curation.yaml" });
  const button = make("button", { type: "button", class: "copy" }, "Copy the entry");
  const link = make("button", { type: "button" }, "Copy the link");
  const note = make("span", { role: "status" });
  text.value = one.passage;
  function write() {
    text.hidden = what.value !== "replace";
    button.disabled = !why.value.trim();
    entry.value = entryOf(one, { do: what.value, why: why.value.trim(), text: text.value });
    entry.rows = Math.min(14, entry.value.split("\n").length);
  }
  for (const control of [what, why, text]) control.addEventListener("input", write);
  button.addEventListener("click", () => copy(entry, note));
  link.addEventListener("click", () => {
    const area = make("textarea", { class: "away" });
    area.value = location.href;
    link.after(area);
    copy(area, note).then(() => area.remove());
  });
  write();
  const told = { pinned: true, replaced: true, dropped: true }[one.state]
    ? make("p", { class: "note" }, "data/curation.yaml has an entry for this scene: change that one, a scene is decided about once.")
    : null;
  const help = make("p", { class: "small" }, "Paste it below `scenes:` in data/curation.yaml (in place of `[]`), then `dvc repro`.");
  const choice = make("div", { class: "filters" }, make("label", {}, "decision ", what), make("label", { class: "query" }, "why ", why));
  return make("section", { class: "decide" }, make("h4", {}, "Decide about it"), told, choice, text, entry, make("p", {}, button, " ", link, " ", note), help);
}
