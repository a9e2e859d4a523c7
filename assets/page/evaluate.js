// The Evaluate tab: four results, each with figures, a caption, and its numbers as a table.

let data = props.value;
const redraws = []; // how to draw each figure at a width

const slug = (words) => words.toLowerCase().replace(/[^a-z0-9]+/g, "-").replace(/^-|-$/g, "");

// A panel per split; `draw` makes the picture of the given width.
const panel = (title, draw) => {
  const box = el("div", { class: "picture" });
  const png = el("button", { type: "button", class: "link", onclick: () => savePng(box.firstElementChild, title, `${slug(title)}.png`) }, "Save as PNG");
  redraws.push(() => box.clientWidth && box.replaceChildren(draw(box.clientWidth)));
  return el("div", { class: "panel" }, el("div", { class: "panel-head" }, el("h4", {}, title), png), box);
};

const result = (title, panels, caption, ...more) =>
  el("section", { class: "result", "aria-label": title }, el("h3", {}, title), el("figure", {}, el("div", { class: "panels" }, panels), el("figcaption", {}, caption)), ...more);

const table = (label, heads, rows) =>
  el("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": label },
    el("table", {},
      el("thead", {}, el("tr", {}, heads.map((head) => el("th", { scope: "col" }, head)))),
      el("tbody", {}, rows.map(([first, ...cells]) => el("tr", {}, el("th", { scope: "row" }, first), cells.map((cell) => el("td", {}, cell)))))));
const folded = (label, heads, rows) => el("details", {}, el("summary", {}, `As a table: ${label}`), table(label, heads, rows));

const sized = (split, n) => `${split}, n\u00a0=\u00a0${n}`;

// -- 1 ----------------------------------------------------------------------------------------------

const METHODS_SAY = "Pick one right and one wrong answer at random: how often does the right one have the higher number? That share is the AUROC. On the dashed line, 0.5, the number is worth no more than a coin; at 1 it is never wrong. Each bar is a 95 % interval from drawing the questions again and again (bootstrap): where two bars overlap widely, these questions can’t say who is better.";

const cellOf = (method, split) => method.cells.find((cell) => cell.split === split);
const aurocText = (cell) => (isNumber(cell.auroc) ? `${two(cell.auroc)}${between(cell, two)}` : cell.why);

const drawMethods = () => {
  const panels = data.splits.map(({ name, n }) => {
    const rows = data.methods.flatMap((m) => (cellOf(m, name) ? [{ ...cellOf(m, name), name: m.name }] : []));
    return panel(`AUROC, ${sized(name, n)}`, (width) => rowsFigure(width, rows, `AUROC of ${rows.length} methods on ${n} questions; the table below has the numbers.`));
  });
  const heads = ["method", ...data.splits.flatMap(({ name, n }) => [`AUROC, ${sized(name, n)}`, "off by (ECE)", "right"])];
  const rows = data.methods.map((m) => [
    el("span", {}, m.name, el("span", { class: "about" }, m.about)),
    ...data.splits.flatMap(({ name }) => {
      const cell = cellOf(m, name);
      if (!cell) return ["", "", ""];
      const missing = cell.n_unscored ? el("span", { class: "about" }, `${cell.n_unscored} without a number`) : null;
      return [[aurocText(cell), missing].filter(Boolean), isNumber(cell.ece) ? two(cell.ece) : "none", percent(cell.accuracy)];
    }),
  ]);
  return result("1. Which confidence tells right from wrong?", panels, METHODS_SAY, data.caveat && el("p", { class: "caveat" }, data.caveat),
    table("AUROC by method", heads, rows), el("p", { class: "small" }, "ECE says by how much the number is off on average, 0 being best. Every method is judged on the answers it gave itself, so their shares of right answers differ a little."));
};

// -- 2 ----------------------------------------------------------------------------------------------

const SWEEP_SAYS = "How strictly the labels are sorted before the model is tuned on them: right answers stay from the threshold on, wrong ones below it; “none” keeps all. One adapter was tuned per threshold and asked the questions named above the figure, which are used for choosing and not for reporting. Look for the top, and at the 95 % bars (bootstrap): thresholds whose bars overlap do equally well as far as this many questions can tell.";
const NO_SWEEP = ["Not measured yet: ", el("code", {}, "make pocket"), " tunes the embedded model once per threshold, and its result then shows here."];

const drawSweep = () => {
  const title = "2. Does it matter which labels teach?";
  if (!data.sweep) return el("section", { class: "result", "aria-label": title }, el("h3", {}, title), el("p", {}, NO_SWEEP.map((part) => part.cloneNode?.(true) ?? part)));
  const { thresholds, kept, curves } = data.sweep;
  const places = thresholds.map((t) => (t === null ? "none" : percent(t)));
  const entries = Object.entries(curves);
  const values = entries.flatMap(([, lines]) => lines.flatMap((l) => [...l.low, ...l.values, ...l.high])).filter(isNumber);
  const [lowest, highest] = [Math.min(0.5, ...values), Math.max(0.6, ...values)];
  const options = { places, under: [["kept", kept.map(String)]], floor: Math.floor(10 * lowest) / 10, top: Math.min(1, Math.ceil(10 * highest) / 10), show: two, yName: "AUROC", xName: "threshold" };
  const panels = entries.map(([split, lines]) => panel(`AUROC by distillation threshold, ${sized(split, lines[0].n)}`, (width) => linesFigure(width, { ...options, lines, label: `AUROC at ${places.length} thresholds; the table below has the numbers.` })));
  const tables = entries.map(([split, lines]) => folded(`AUROC by distillation threshold, ${split}`, ["threshold", "labels kept", ...lines.map((l) => l.name)],
    places.map((place, i) => [place, String(kept[i]), ...lines.map((l) => (isNumber(l.values[i]) ? `${two(l.values[i])}${between({ low: l.low[i], high: l.high[i] }, two)}` : "undefined"))])));
  return result(title, panels, SWEEP_SAYS, ...tables);
};

// -- 3 ----------------------------------------------------------------------------------------------

const BUDGET_SAYS = "Look up only the questions a method is least sure of: the share looked up runs from left to right, the share of right answers after it upwards. The sooner a line climbs, the better its method knows where help is needed. “random” looks up blindly; the “oracle” knows which look-ups help, so nobody can do better. The bars are 95 % intervals (Wilson), drawn for UaIT expected only; the table has them all.";

const drawBudget = () => {
  const title = "3. What is it worth when looking things up?";
  const entries = Object.entries(data.budget);
  if (!entries.length) return null;
  const panels = entries.map(([split, { n, budgets, curves }]) => {
    const floor = Math.floor(10 * Math.min(...curves.flatMap((c) => [...c.values, ...c.low]))) / 10;
    const options = { places: budgets.map((share) => percent(share)), lines: curves, floor, show: (v) => `${(100 * v).toFixed(0)}\u00a0%`, yName: "right answers", xName: "questions looked up", withIntervals: ({ name }) => name === "UaIT expected" };
    return panel(`Accuracy by retrieval budget, ${sized(split, n)}`, (width) => linesFigure(width, { ...options, label: `Right answers by share looked up, on ${n} questions; the table below has the numbers.` }));
  });
  const tables = entries.map(([split, { budgets, curves }]) => folded(`accuracy by retrieval budget, ${split}`, ["looked up", ...budgets.map((share) => percent(share))],
    curves.map((c) => [c.name, ...c.values.map((v, i) => `${percent(v)}${between({ low: c.low[i], high: c.high[i] }, percent)}`)])));
  return result(title, panels, BUDGET_SAYS, ...tables);
};

// -- 4 ----------------------------------------------------------------------------------------------

const EXPOSURE_SAYS = "Only for a model whose every training text is known: the questions, sorted by how often training told their fact. Bars: how many are answered right; lines: how sure the model says it is. A model that knows what it knows has lines that climb with the bars, and stay low on the left, where it was told nothing. The thin upright lines are 95 % intervals (Wilson’s for shares, the normal one for means); n stands under each bar.";

const column = (bins, key, name) => ({ name, values: bins.map((b) => b[key]?.value ?? null), low: bins.map((b) => b[key]?.low ?? null), high: bins.map((b) => b[key]?.high ?? null) });

const drawExposure = () => {
  const entries = Object.entries(data.exposure || {});
  if (!entries.length) return null;
  const panels = entries.map(([split, bins]) => {
    const options = { places: bins.map((b) => b.label), under: [["n", bins.map((b) => String(b.n))]], floor: 0, show: (v) => `${(100 * v).toFixed(0)}\u00a0%`, yName: "share", xName: "times told in training" };
    const lines = [column(bins, "expected", "UaIT expected"), column(bins, "spoken", "UaIT spoken")];
    const n = bins.reduce((sum, b) => sum + b.n, 0);
    return panel(`Confidence by times seen in training, ${sized(split, n)}`, (width) => linesFigure(width, { ...options, lines, bars: { name: "right answers", values: bins.map((b) => b.right) }, label: `Right answers and stated confidence by exposure, on ${n} questions; the table below has the numbers.` }));
  });
  const shown = (v) => (v ? `${percent(v.value)}${between(v, percent)}` : "none");
  const tables = entries.map(([split, bins]) => folded(`confidence by times seen in training, ${split}`, ["times told", "n", "right", "UaIT spoken", "UaIT expected"],
    bins.map((b) => [b.label, String(b.n), shown(b.right), shown(b.spoken), shown(b.expected)])));
  return result("4. Is it surer of what it was told more often?", panels, EXPOSURE_SAYS, ...tables);
};

// -- all ---------------------------------------------------------------------------------------------

const file = (words, name, content, type) => el("button", { type: "button", class: "pill", onclick: () => save(new Blob([content], { type }), name) }, words);

const drawNothing = () => root.replaceChildren(el("p", {}, "No evaluation is recorded for this model and adapter. Press Run again above; the results then show here."));

const draw = () => {
  data = props.value;
  redraws.length = 0;
  root.className = "evaluate";
  root.dataset.state = data?.state || "empty";
  if (root.dataset.state !== "done") return drawNothing();
  root.replaceChildren(
    el("div", { class: "head" },
      el("p", { class: "made" }, data.made),
      el("div", { class: "files" },
        file("Numbers as CSV", "evaluation.csv", `\ufeff${data.csv}`, "text/csv"),
        file("Report as Markdown", "evaluation.md", data.markdown, "text/markdown"))),
    ...[drawMethods(), drawSweep(), drawBudget(), drawExposure()].filter(Boolean)
  );
  redraws.forEach((one) => one());
};

let drawnWidth = 0;
new ResizeObserver(() => {
  if (root.clientWidth === drawnWidth) return; // a fold that opens changes the height
  drawnWidth = root.clientWidth;
  redraws.forEach((one) => one());
}).observe(root);
watch("value", draw);
draw();
