// What the page holds is gzip in base64; every text of a book goes into the page as text, never as markup.
// Vega empties its place with markup of no letters; any other markup from a script is refused.
window.trustedTypes?.createPolicy("default", { createHTML: (markup) => (markup === "" ? "" : null) });

const place = (id) => document.getElementById(id);
const counted = (number) => number.toLocaleString("en");
const pause = () => globalThis.scheduler?.yield?.() ?? new Promise((resume) => setTimeout(resume));

function bytesOf(base64) {
  if (Uint8Array.fromBase64) return Uint8Array.fromBase64(base64);
  return Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
}

async function unpack(element) {
  const stream = new Blob([bytesOf(element.textContent)]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Response(stream).text();
}

const unpackJson = async (id) => JSON.parse(await unpack(place(id)));

// An element with attributes and children; children that are text become text nodes.
function make(name, attributes = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value !== undefined && value !== "") element.setAttribute(key, value);
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

// Text of a book: its own direction, its own language.
const quoted = (name, text, language, attributes = {}) => make(name, { dir: "auto", lang: language, ...attributes }, text);

// What is the same for a search: case, accents, points of Hebrew and Arabic. Signs that are letters are kept.
const MARKS = /[\u0300-\u036f\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4\u05c5\u05c7\u0640\u064b-\u0655\u0670\u06d6-\u06dc\u0671\u06d6-\u06dc\u06df-\u06e8\u06ea-\u06ed]/g;
const unmarked = (sign) => (sign === "\u0671" ? "\u0627" : ""); // the alef that is not spoken is an alef
const PLAIN = /^[\x00-\x7f]*$/;
const fold = (text) => (PLAIN.test(text) ? text : text.normalize("NFD").replace(MARKS, unmarked)).toLowerCase();

// Where the words of a query stand in a text: pairs of start and end, in its own letters.
function standing(text, words) {
  const places = []; // of each letter of the folded text, where its own letter begins
  let folded = "";
  let at = 0;
  for (const letter of text) {
    const short = fold(letter);
    for (let number = 0; number < short.length; number++) places.push(at);
    folded += short;
    at += letter.length;
  }
  places.push(text.length);
  const found = [];
  for (const word of words.filter(Boolean)) {
    for (let start = folded.indexOf(word); start >= 0; start = folded.indexOf(word, start + word.length)) {
      found.push([places[start], places[start + word.length]]);
    }
  }
  return found.sort((one, other) => one[0] - other[0]);
}

// The words of a query, phrases in quotes kept whole, and the book that `book:ID` names.
function wordsOf(query) {
  const found = [...query.matchAll(/"([^"]+)"|(\S+)/g)].map((match) => match[1] ?? match[2]);
  const book = found.find((word) => word.startsWith("book:"));
  return { book: book ? book.slice(5) : "", words: found.filter((word) => word !== book).map(fold) };
}

const languages = new Intl.DisplayNames(["en"], { type: "language", fallback: "none" });
function languageName(code) {
  try {
    const name = languages.of(code);
    return name ? `${name} (${code})` : code;
  } catch {
    return code;
  }
}

// The choices of a filter with their counts, most frequent first.
function fillSelect(select, values, name = (value) => value) {
  const counts = new Map();
  for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1);
  const sorted = [...counts].filter(([value]) => value).sort((one, other) => other[1] - one[1]);
  select.replaceChildren(make("option", {}, "all"));
  select.firstChild.value = "";
  for (const [value, count] of sorted) {
    const option = make("option", {}, `${name(value)}, ${counted(count)}`);
    option.value = value;
    select.append(option);
  }
}
