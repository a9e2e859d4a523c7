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

// "49.7 %", with a space that no line breaks at.
const percent = (value, digits = 1) => `${Number((100 * value).toFixed(digits))}\u00a0%`;

const seconds = (value) => `${value.toFixed(value < 0.095 ? 2 : value < 9.95 ? 1 : 0)}\u00a0s`;

const root = element.firstElementChild;

// A table of texts; a cell may be a pair, or say more of itself. On a narrow screen a cell says its column.
const cellOf = (cell) => {
  if (typeof cell !== "object" || cell instanceof Node) return cell;
  const { text, about, is_data: isData } = Array.isArray(cell) ? { text: cell[0], about: cell[1] } : cell;
  const data = isData ? { dir: "auto", translate: "no" } : {};
  return [isData ? el("span", data, text) : text, about && el("span", { class: "about", ...data }, about)];
};
const tableOf = (label, { heads, rows }, kind = "") => el("div", { class: `scroll ${kind}`, tabindex: 0, role: "region", "aria-label": label },
  el("table", {},
    el("thead", {}, el("tr", {}, heads.map((head) => el("th", { scope: "col" }, head)))),
    el("tbody", {}, rows.map((row) => el("tr", {}, row.map((cell, i) => el(i ? "td" : "th", { class: cell?.kind, style: cell?.style, "data-name": i ? heads[i] : null, scope: i ? null : "row" }, cellOf(cell))))))));

const set = (node, attributes) => Object.entries(attributes).forEach(([name, v]) => node.setAttribute(name, v));
