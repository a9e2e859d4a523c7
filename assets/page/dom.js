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
