// The threshold lab: what one threshold makes of many recorded questions. It counts here, in numbers.js, to follow the
// hand; the curves come with the data.

let data = props.value;
const EDGE = 14; // px left and right of a 0-1 line: half the slider's thumb and a little

// -- state ------------------------------------------------------------------------------------------

let method = null;
let split = null;
let beside = ""; // another method, whose curves are drawn too
let threshold = null;
let open = null; // the row whose question is shown
let now = {}; // what method and split fix: the rows, those with a number, and those that are judged too

const select = () => {
  const { source } = data.methods.find(({ name }) => name === method);
  const rows = data.rows[split].map((row, i) => ({ i, row, c: row.confidence[method], isRight: row.said[source][1] }));
  const judged = rows.filter(({ isRight }) => isRight !== null);
  now = { source, rows, judged, scored: rows.filter(({ c }) => c !== null), both: judged.filter(({ c }) => c !== null) };
  open = null;
};

const SVG = "http://www.w3.org/2000/svg";
const svg = (tag, attributes = {}, ...children) => {
  const node = document.createElementNS(SVG, tag);
  set(node, attributes);
  node.append(...children.flat());
  return node;
};

// -- the strip --------------------------------------------------------------------------------------

const { strip, costStrip, detail, matrix, shares, costText, costRange, costLabel, toCheapest, costBox, figures, tables, caveat, unscored, take, asCsv } = named;
const range = slider({ id: "lab-threshold", min: 0, max: 1, step: 0.001, "aria-label": "Threshold" }, (t) => setThreshold(t));
named.place.insertBefore(range, named.scale);

let dots = []; // one per scored question, lowest confidence first: { node, c, entry }
let line = null;
let zone = null;
let sides = []; // the words on either side of the line
let along = (c) => c; // 0-1 to px
let DOT = 4; // px, radius

const shapeOf = (isRight, x, y, r) => {
  if (isRight === true) return svg("circle", { cx: x, cy: y, r });
  const d = isRight === false ? r * 1.2 : r * 0.95;
  const corners = isRight === false ? [[x, y - d], [x + d, y], [x, y + d], [x - d, y]] : [[x - d, y - d], [x + d, y - d], [x + d, y + d], [x - d, y + d]];
  return svg("path", { d: `M${corners.map((corner) => corner.join(" ")).join("L")}Z` });
};

const wordOf = (isRight) => (isRight === null ? "not judged" : isRight ? "right" : "wrong");

// Dots stack in columns away from the line: right and unjudged upwards, wrong downwards.
const stacked = (width) => {
  const nColumns = Math.max(2, Math.floor((width - 2 * EDGE) / (2 * DOT + 1)));
  const heights = new Map();
  return [...now.scored].sort((a, b) => a.c - b.c).map((entry) => {
    const side = entry.isRight === false ? 1 : -1;
    const column = Math.round(entry.c * (nColumns - 1));
    const key = side * (column + 1);
    const level = heights.get(key) || 0;
    heights.set(key, level + 1);
    return { entry, side, level, x: along(column / (nColumns - 1)) };
  });
};

const drawStrip = (width) => {
  along = (c) => EDGE + c * (width - 2 * EDGE);
  DOT = width < 600 ? 4 : 5;
  const places = stacked(width);
  const tallest = (side) => Math.max(1, ...places.filter((p) => p.side === side).map((p) => p.level + 1));
  const step = Math.min(2 * DOT + 1, 280 / (tallest(1) + tallest(-1)));
  const axis = 34 + tallest(-1) * step;
  const height = axis + tallest(1) * step + 16;
  zone = svg("rect", { class: "zone", x: along(0), y: 24, height: height - 24 });
  sides = [svg("text", { x: -16, y: 16, "text-anchor": "end" }, "looked up"), svg("text", { x: 16, y: 16 }, "answered")];
  line = svg("g", { class: "threshold-line" }, svg("line", { y1: 18, y2: height }), svg("circle", { cy: 12, r: 9 }), svg("path", { d: "M-2 8.5L-5.5 12L-2 15.5M2 8.5L5.5 12L2 15.5" }), ...sides);
  dots = places.map(({ entry, side, level, x }, k) => {
    const node = shapeOf(entry.isRight, x, axis + side * (DOT + 4 + level * step), DOT);
    const words = `${entry.row.question} ${percent(entry.c)}, ${wordOf(entry.isRight)}`;
    set(node, { class: `dot ${wordOf(entry.isRight).replace(" ", "-")}`, role: "button", tabindex: k === 0 ? 0 : -1, "aria-label": words });
    node.append(svg("title", {}, words));
    node.addEventListener("click", () => show(entry, node));
    node.addEventListener("keydown", (event) => moveAmongDots(event, k));
    return { node, c: entry.c, entry };
  });
  set(strip, { width, height, "aria-label": `${dots.length} questions by confidence; arrow keys move among them, Enter opens one` });
  strip.replaceChildren(zone, svg("line", { class: "axis", x1: along(0), x2: along(1), y1: axis, y2: axis }), ...dots.map((dot) => dot.node), line);
};

const moveAmongDots = (event, k) => {
  if (event.key !== "Enter" && event.key !== " ") return walkKeys(event, dots.length, k, { ArrowRight: 1, ArrowUp: 10, ArrowLeft: -1, ArrowDown: -10 }, goTo);
  event.preventDefault();
  show(dots[k].entry, dots[k].node);
};

const goTo = (k) => {
  for (const { node } of dots) node.setAttribute("tabindex", -1);
  dots[k].node.setAttribute("tabindex", 0);
  dots[k].node.focus();
};

dragged(strip, EDGE, (share) => setThreshold(Math.round(1000 * share) / 1000));

// -- one question -----------------------------------------------------------------------------------

const judgement = (isRight) => el("span", { class: wordOf(isRight).replace(" ", "-") }, { true: "● ", false: "◆ ", null: "■ " }[isRight] + wordOf(isRight));

const show = (entry, node) => {
  open = entry;
  strip.querySelector("[aria-current]")?.removeAttribute("aria-current");
  node?.setAttribute("aria-current", "true");
  const { row } = entry;
  const numbers = (source) => data.methods.filter((m) => m.source === source).map((m) => `${m.title} ${row.confidence[m.name] === null ? "none" : percent(row.confidence[m.name])}`).join(", ");
  const line = ([source, [answer, isRight]]) => el("tr", {},
    el("th", { scope: "row" }, data.sources[source]),
    el("td", {}, el("div", { dir: "auto", translate: "no" }, answer || "(no words)"), el("div", { class: "small" }, numbers(source))),
    el("td", { class: "judged" }, judgement(isRight)));
  detail.replaceChildren(
    el("p", { class: "said", dir: "auto", translate: "no" }, row.question),
    el("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": "What each said" }, el("table", {}, el("tbody", {}, Object.entries(row.said).map(line)))),
    el("button", { type: "button", class: "pill", onclick: () => { root.dataset.picked = row.question; trigger("ask"); } }, "Ask it")
  );
};

// -- what the threshold does ------------------------------------------------------------------------

costRange.oninput = () => { drawCost(strip.clientWidth); move(); };
toCheapest.onclick = () => setThreshold(best.at);
let best = { at: 0, cost: 0 };
let costPoint = null;

const drawCost = (width) => {
  costPoint = null;
  costBox.hidden = !now.both.length;
  if (costBox.hidden) return;
  const [judged, nSearches] = [now.judged, Number(costRange.value)];
  const costs = costsOf(judged, nSearches);
  best = cheapest(costs);
  const most = Math.max(...costs.map((one) => one.cost));
  const y = (cost) => 74 - (most > best.cost ? (cost - best.cost) / (most - best.cost) : 0) * 50;
  const steps = costs.map((one, i) => `${i ? "L" : "M"}${along(one.from)} ${y(one.cost)}H${along(i + 1 < costs.length ? costs[i + 1].from : 1)}`).join("");
  const end = (x, anchor, one, text) => svg("text", { x, y: y(one.cost) - 8, "text-anchor": anchor }, `${text}: ${one.cost.toLocaleString("en")}`);
  const isAll = costOf({ n: judged.length, answered: 0, answeredWrong: 0 }, nSearches) === costs.at(-1).cost;
  const ends = [end(along(0), "start", costs[0], "answer all"), end(along(1), "end", costs.at(-1), isAll ? "search all" : "search most")];
  const marker = svg("circle", { class: "marker", r: 6 });
  const flag = svg("path", { class: "flag", d: `M${along(best.at)} ${y(best.cost) + 7}l6 10h-12z` });
  set(costStrip, { width, height: 98, "aria-label": `Cost by threshold; cheapest at ${percent(best.at)}.` });
  costStrip.replaceChildren(...ends, svg("path", { class: "curve", d: steps }), flag, marker);
  costPoint = () => {
    const cost = costOf(countsAt(judged, threshold), nSearches);
    set(marker, { cx: along(threshold), cy: y(cost) });
    costText.textContent = `At ${percent(threshold)}: ${cost.toLocaleString("en")} searches’ worth. Cheapest (▲): ${best.cost.toLocaleString("en")}, at ${percent(best.at)}.`;
  };
  costLabel.textContent = `A wrong answer costs as much as ${nSearches} search${nSearches === 1 ? "" : "es"}`;
  costRange.setAttribute("aria-valuetext", `${nSearches} searches`);
  toCheapest.textContent = `Go to the cheapest: ${percent(best.at)}`;
};

const move = () => {
  const counts = countsAt(now.rows, threshold);
  range.value = threshold;
  range.setAttribute("aria-valuetext", percent(threshold));
  line.setAttribute("transform", `translate(${along(threshold)} 0)`);
  zone.setAttribute("width", along(threshold) - along(0));
  sides.forEach((text, i) => text.setAttribute("visibility", Math.abs(along(i) - along(threshold)) > 80 ? "visible" : "hidden"));
  for (const { node, c } of dots) node.classList.toggle("searched", c < threshold);
  for (const name of ["answeredRight", "answeredWrong", "searchedRight", "searchedWrong"]) named[name].textContent = counts[name];
  matrix.hidden = counts.unjudged === counts.n;
  const answeredJudged = counts.answeredRight + counts.answeredWrong;
  shares.replaceChildren(
    el("span", {}, "Threshold ", el("b", {}, percent(threshold))),
    el("span", {}, "answers ", el("b", {}, percent(counts.answered / counts.n))),
    el("span", {}, "would search ", el("b", {}, percent(1 - counts.answered / counts.n))),
    answeredJudged > 0 ? el("span", {}, "right when it answers ", el("b", {}, percent(counts.answeredRight / answeredJudged))) : ""
  );
  take.textContent = `Ask with this threshold: ${percent(threshold)}`;
  costPoint?.();
  moveMarkers(counts);
  root.dataset.threshold = threshold;
  root.dataset.numbers = JSON.stringify({ ...counts, bestAt: best.at, bestCost: best.cost });
};

// Where the threshold lies on the two curves.
const moveMarkers = ({ answeredRight, answeredWrong }) => {
  const [nRight, nAnswered] = [now.both.filter((r) => r.isRight).length, answeredRight + answeredWrong];
  mark("roc", [answeredWrong / (now.both.length - nRight)], [answeredRight / nRight]);
  mark("risk", [nAnswered ? nAnswered / now.both.length : null], [nAnswered ? answeredWrong / nAnswered : null]);
};

const setThreshold = (t) => {
  threshold = Math.min(1, Math.max(0, t));
  window.uaitAddress?.keep("compare", { t: Math.round(1e4 * threshold) / 1e4 });
  move();
};

// The gate goes by one number alone; where Ask is not made yet, it begins with what the address holds.
take.onclick = () => {
  const own = document.querySelector("#threshold");
  window.uaitAddress?.keep("ask", { t: Math.round(1000 * threshold) / 1000 });
  if (own) Object.assign(own, { value: 100 * threshold }).dispatchEvent(new Event("input"));
  document.querySelector("[role='tab'][data-tab-id='ask']")?.click();
};

// -- the same as tables -----------------------------------------------------------------------------

const drawTables = () => {
  const opener = (entry) => el("button", { type: "button", class: "link", translate: "no", onclick: () => show(entry) }, entry.row.question);
  const line = (entry) => [opener(entry), el("span", { dir: "auto", translate: "no" }, entry.row.said[now.source][0]), judgement(entry.isRight), entry.c === null ? "no number" : percent(entry.c)];
  const surest = [...now.rows].sort((a, b) => (b.c ?? -1) - (a.c ?? -1));
  tables.replaceChildren(tables.firstElementChild, asCsv, tableOf("Questions as a table", { heads: ["question", "answer", "judged", "confidence"], rows: surest.map(line) }));
};
tables.ontoggle = () => tables.open && drawTables();
asCsv.onclick = () => {
  const [rows, { methods, sources }] = [data.rows[split], data];
  const heads = Object.keys(rows[0].said).flatMap((source) => [`${sources[source]}: answer`, `${sources[source]}: right`]);
  const line = ({ id, question, said, confidence }) => [id, question, ...Object.values(said).flat(), ...methods.map(({ name }) => confidence[name])];
  saveCsv([["id", "question", ...heads, ...methods.map(({ title }) => title)], ...rows.map(line)], `questions ${split}`);
};

// -- two methods at once ----------------------------------------------------------------------------

// The other one's curve lies above, of its reliability a mark per bar; the visitor's threshold stays the last line.
const overlaid = (one, i) => {
  const other = beside && beside !== method && data.figures[split][beside][i].data[0];
  if (!other || !one.data.length) return one;
  const [first, ...rest] = one.data;
  const second = { ...other, ...data.other, mode: other.type === "bar" ? "markers" : "lines" };
  const layout = { ...one.layout, showlegend: true, height: one.layout.height + 60, margin: { ...one.layout.margin, b: 120 } };
  return { ...one, data: [{ ...first, showlegend: true }, second, ...rest], layout };
};

// -- everything together ----------------------------------------------------------------------------

const redraw = () => {
  const width = strip.parentElement.clientWidth;
  if (width === 0) return; // in a tab that is not shown: the observer calls again
  const focused = dots.findIndex(({ node }) => node === document.activeElement);
  drawStrip(width);
  if (focused >= 0) goTo(focused); // whoever walks along the dots stays where they were
  drawCost(width);
  move();
  if (open) dots.find(({ entry }) => entry === open)?.node.setAttribute("aria-current", "true");
};

const change = () => {
  [method, beside, split] = [named.methods.value, named.besides.value, named.splits.value];
  const chosen = ({ selectedIndex, value }) => (selectedIndex ? value : undefined); // what is first is not worth an address
  window.uaitAddress?.keep("compare", { method: chosen(named.methods), beside: chosen(named.besides), split: chosen(named.splits) });
  select();
  const nMissing = now.rows.length - now.scored.length;
  unscored.textContent = `${now.rows.length} questions. ${nMissing ? `${nMissing} without a number: not on the strip, always searched. ` : ""}${data.made}`;
  caveat.textContent = data.caveat[method] || "";
  detail.replaceChildren(el("p", { class: "small" }, "Click a dot, or press Enter on it, to read its question and what each method answered."));
  if (tables.open) drawTables();
  take.hidden = method !== data.gate;
  figures.replaceChildren(...data.figures[split][method].map(overlaid).map(plot));
  redraw();
};

const offer = (select, options, chosen) => {
  select.replaceChildren(...options.map(([value, text]) => el("option", { value, selected: value === chosen }, text)));
  select.onchange = change;
};

const drawLab = () => {
  const asked = window.uaitAddress?.of("compare") ?? {};
  const methods = data.methods.map(({ name, title, source }) => [name, source === "uait" ? title : `${title} (${data.sources.base})`]);
  offer(named.methods, methods, asked.method);
  offer(named.besides, [["", "nothing"], ...methods], asked.beside);
  offer(named.splits, Object.entries(data.rows).map(([name, rows]) => [name, `${name} (${rows.length})`]), asked.split);
  threshold ??= asked.t ?? data.threshold;
  change();
};

const start = () => {
  data = props.value;
  root.dataset.state = data?.state || "empty";
  if (root.dataset.state === "later") trigger("seen"); // this tab was never open before
  const isDone = root.dataset.state === "done";
  named.nothing.hidden = root.dataset.state !== "empty";
  named.lab.hidden = !isDone;
  if (isDone) drawLab();
};
let drawnWidth = 0;
new ResizeObserver(() => {
  if (root.dataset.state !== "done" || root.clientWidth === drawnWidth) return; // a fold that opens changes the height
  drawnWidth = root.clientWidth;
  redraw();
}).observe(root);
watch("value", start);
start();
