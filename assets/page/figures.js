// Figures made by page/figures. PLOTLY and TEMPLATES stand before this script: plotly's address on our own server, from
// where it comes when the first figure is seen, and what a figure looks like in the light and in the dark theme.

const save = (blob, name) => {
  const link = el("a", { href: URL.createObjectURL(blob), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
};

const plotly = () =>
  (window.uaitPlotly ??= new Promise((done, failed) => {
    document.head.append(el("script", { src: PLOTLY, onload: () => done(window.Plotly), onerror: failed }));
  }));

// Commas between fields; a text that a spreadsheet would run as a formula begins with an apostrophe.
const csvField = (value) => {
  const text = typeof value === "string" && /^[=+\-@\t\r]/.test(value) ? `'${value}` : String(value ?? "");
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
};
const saveCsv = (rows, name) => save(new Blob(["\ufeff", rows.map((row) => row.map(csvField).join(",")).join("\n")], { type: "text/csv" }), `${name}.csv`);

// Every point of every line, with the ends of its interval.
const pointsOf = (data) => [["name", "x", "y", "low", "high"], ...data.flatMap(({ name = "", x, y, customdata }) => x.map((at, i) => [name, at, y[i], ...(customdata?.[i] || [])]))];

const plots = new Map(); // by name: a figure that comes again changes in place

const makePlot = (name) => {
  const box = el("div", { class: "plot" });
  const table = el("details", {});
  const caption = el("figcaption", {});
  const node = el("figure", { class: "figure", "data-figure": name }, box, caption, table);
  let figure = null;
  let drawn = ""; // the figure, its width and theme
  // On white, whatever the theme: a picture goes onto paper.
  const picture = (Plotly, format) => Plotly.downloadImage({ ...structuredClone(figure), layout: { ...figure.layout, template: TEMPLATES.light } }, { format, filename: name, scale: 2, width: box.clientWidth, height: box.clientHeight });
  const config = (Plotly) => ({
    displaylogo: false,
    displayModeBar: true,
    modeBarButtons: [[
      { name: "png", title: "Save as PNG", icon: Plotly.Icons.camera, click: () => picture(Plotly, "png") },
      { name: "svg", title: "Save as SVG", icon: Plotly.Icons.pencil, click: () => picture(Plotly, "svg") },
      { name: "csv", title: "Save as CSV", icon: Plotly.Icons.disk, click: () => saveCsv(pointsOf(figure.data), name) },
    ]],
  });
  const draw = async () => {
    if (!figure || box.clientWidth === 0) return; // in a tab that is not shown: the observer calls again
    const Plotly = await plotly();
    const isRoom = document.documentElement.classList.contains("present"); // larger type wants larger margins
    const theme = (isRoom ? "present " : "") + (document.body.classList.contains("dark") ? "dark" : "light");
    const { t, b, ...sides } = figure.layout.margin;
    const margin = { t: t * (isRoom ? 1.5 : 1), b: b * (isRoom ? 1.5 : 1), ...sides };
    const wanted = JSON.stringify([figure, box.clientWidth, box.clientHeight, theme]);
    if (box.clientWidth === 0 || wanted === drawn) return;
    drawn = wanted;
    const template = TEMPLATES[theme];
    await Plotly.react(box, structuredClone(figure.data), { ...structuredClone(figure.layout), margin, template, width: box.clientWidth, height: box.clientHeight }, config(Plotly));
  };
  const show = (next) => {
    if (JSON.stringify(next) === JSON.stringify(figure)) return;
    figure = structuredClone(next);
    box.style.setProperty("--height", `${figure.layout.height}px`);
    node.setAttribute("aria-label", figure.label);
    caption.textContent = figure.caption;
    if (figure.table) table.replaceChildren(el("summary", {}, "As a table"), tableOf(figure.label, figure.table));
    table.hidden = !figure.table;
    draw();
  };
  // The last line of the figure moves; `figure` remembers where to.
  const mark = (x, y) => {
    const line = figure?.data.at(-1);
    if (!line || figure.data.length < 2) return;
    Object.assign(line, { x, y });
    if (box.data) requestAnimationFrame(() => window.Plotly.restyle(box, { x: [line.x], y: [line.y] }, [figure.data.length - 1]));
  };
  new ResizeObserver(draw).observe(box);
  return { node, show, draw, mark };
};

const mark = (name, x, y) => plots.get(name)?.mark(x, y);

const plot = (figure) => {
  if (!plots.has(figure.name)) plots.set(figure.name, makePlot(figure.name));
  plots.get(figure.name).show(figure);
  return plots.get(figure.name).node;
};

new MutationObserver(() => plots.forEach(({ draw }) => draw())).observe(document.body, { attributeFilter: ["class"] });

// -- what page/figures/parts.py makes a component of ------------------------------------------------------------------

// A web page takes plotly's script with it, to be looked at without this server.
const whole = async (text) => (text.includes("<!-- plotly -->") ? text.replace("<!-- plotly -->", await fetch(PLOTLY).then((reply) => reply.text()).then((script) => () => `<script>${script}</script>`)) : text);
const drawFile = ({ label, name, text, type }) => el("button", { type: "button", class: "pill", onclick: async () => save(new Blob([await whole(text)], { type }), name) }, label);
const PARTS = {
  heading: ({ heading }) => el("h3", {}, heading),
  text: ({ text, kind }) => el("p", { class: kind }, text),
  table: ({ table, label, kind }) => tableOf(label, table, kind),
  folded: ({ folded, parts }) => el("details", {}, el("summary", {}, folded), drawParts(parts)),
  figures: ({ figures }) => el("div", { class: "panels" }, figures.map(plot)),
  section: ({ section, parts }) => el("section", { class: "result", "aria-label": section }, el("h3", {}, section), drawParts(parts)),
  files: ({ files, about }) => el("div", { class: "head" }, el("p", { class: "made" }, about), el("div", { class: "files" }, files.map(drawFile))),
};
const drawParts = (parts) => parts.map((part) => PARTS[Object.keys(PARTS).find((name) => name in part)](part));
