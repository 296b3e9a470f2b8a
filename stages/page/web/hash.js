// Filter and scene live in the address: #q=mirror&tier=core&scene=core-001-p12. A hash without "=" names a section.
const FILTERS = ["q", "tier", "category", "language", "kind", "state", "sort"];

function readHash() {
  const text = location.hash.slice(1);
  if (!text.includes("=")) return null;
  const found = new URLSearchParams(text);
  return Object.fromEntries([...FILTERS, "scene"].map((key) => [key, found.get(key) ?? ""]));
}

function writeHash(state, step) {
  const pairs = Object.entries(state).filter(([, value]) => value);
  const hash = `#${new URLSearchParams(pairs).toString() || "scenes"}`;
  if (hash === location.hash) return;
  if (step) history.pushState(null, "", hash);
  else history.replaceState(null, "", hash);
}
