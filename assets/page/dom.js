// Shared by the page's own components. Text always becomes a text node: nothing here is ever parsed as HTML.

const el = (tag, attributes = {}, ...children) => {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name === "style") Object.entries(value).forEach(([key, v]) => node.style.setProperty(key, v));
    else if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return node;
};

// "49.7 %", with a space that no line breaks at. What is less than all, or more than nothing, is not rounded to that.
const percent = (value, digits = 1, least = 10 ** -(digits + 2)) => `${Number((100 * (value > 0 && value < 1 ? Math.min(1 - least, Math.max(least, value)) : value)).toFixed(digits))}\u00a0%`;

const seconds = (value) => `${value.toFixed(value < 0.095 ? 2 : value < 9.95 ? 1 : 0)}\u00a0s`;

const root = element.firstElementChild;

// The named parts of a component's own markup.
const named = Object.fromEntries([...root.querySelectorAll("[data-part]")].map((node) => [node.dataset.part, node]));

// A table of texts; a cell may be a pair, or say more of itself. On a narrow screen a cell says its column.
const cellOf = (cell) => {
  if (typeof cell !== "object" || cell instanceof Node) return cell;
  const { text, about, is_data: isData } = Array.isArray(cell) ? { text: cell[0], about: cell[1] } : cell;
  const data = isData ? { dir: "auto", translate: "no" } : {};
  return [isData ? el("span", data, text) : text, about && el("span", { class: "about", ...data }, about)];
};
const lookOf = (cell) => (cell instanceof Node ? {} : { class: cell.kind, style: cell.style });
const tableOf = (label, { heads, rows }, kind = "") => el("div", { class: `scroll ${kind}`, tabindex: 0, role: "region", "aria-label": label },
  el("table", {},
    el("thead", {}, el("tr", {}, heads.map((head) => el("th", { scope: "col" }, head)))),
    el("tbody", {}, rows.map((row) => el("tr", {}, row.map((cell, i) => el(i ? "td" : "th", { ...lookOf(cell), "data-name": i ? heads[i] : null, scope: i ? null : "row" }, cellOf(cell))))))));

const set = (node, attributes) => Object.entries(attributes).forEach(([name, v]) => node.setAttribute(name, v));

// New children, with the details that the visitor had opened still open.
const redrawn = (node, ...children) => {
  const open = [...node.querySelectorAll("details")].map((one) => one.open);
  node.replaceChildren(...children.flat().filter(Boolean));
  node.querySelectorAll("details").forEach((one, i) => (one.open ||= Boolean(open[i])));
};

// Calls `go` with where an arrow key (as `steps` says), Home or End leads from `here` among `n` things in a row.
const walkKeys = (event, n, here, steps, go) => {
  const step = steps[event.key];
  const next = { Home: 0, End: n - 1 }[event.key] ?? (step && Math.min(n - 1, Math.max(0, here + step)));
  if (next === undefined) return;
  event.preventDefault();
  go(next);
};

// A slider that arrow keys move by a percent of its range, with Shift by a tenth; the other keys are the browser's.
const slider = (attributes, go) => {
  const range = el("input", { type: "range", ...attributes, oninput: () => go(Number(range.value)) });
  range.addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowUp: 1, ArrowLeft: -1, ArrowDown: -1 }[event.key];
    if (!step) return;
    event.preventDefault();
    go(Number(range.value) + step * (range.max / (event.shiftKey ? 1000 : 100)));
  });
  return range;
};

// Calls `go` with the share of the node's width (less `edge` px on either side) at which a pointer is held, off its dots.
const dragged = (node, edge, go) => {
  const at = ({ clientX }) => {
    const { left, width } = node.getBoundingClientRect();
    go((clientX - left - edge) / (width - 2 * edge));
  };
  node.addEventListener("pointerdown", (event) => {
    if (event.target.classList.contains("dot") || event.button !== 0) return;
    node.setPointerCapture(event.pointerId);
    at(event);
  });
  node.addEventListener("pointermove", (event) => node.hasPointerCapture(event.pointerId) && at(event));
};
