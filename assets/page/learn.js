// One step of the lesson: a few sentences, a figure, a task; or what the live model said, as the same figure.

const data = (tag, attributes, text) => el(tag, { translate: "no", dir: "auto", ...attributes }, text);
const bar = (share, kind = "") => el("span", { class: `learn-bar ${kind}`, "aria-hidden": "true" }, el("i", { style: { "--share": share } }));

const small = (p) => (p < 0.001 ? "< 0.001" : p.toFixed(p < 0.1 ? 3 : 2));

// -- the figures ---------------------------------------------------------------------------------------

const verdict = (isRight) => isRight !== null && isRight !== undefined && el("span", { class: `verdict ${isRight ? "right" : "wrong"}` }, isRight ? "● right" : "◆ wrong");

const drawClaim = ({ question, answer, confidence, right, truth }) => el("div", { class: "learn-claim" },
  data("p", { class: "learn-question" }, question),
  el("p", { class: "learn-line" }, data("b", { class: "learn-voice" }, answer), verdict(right)),
  confidence === null ? el("p", {}, "It said no number.") : [el("p", { class: "learn-number" }, percent(confidence)), bar(confidence)],
  right === false && truth && el("p", {}, "right would be: ", data("b", {}, truth)));

const drawAttempts = ({ question, rows, counted, confidence }) => el("div", { class: "learn-attempts" },
  data("p", { class: "learn-question" }, question),
  el("ol", {}, rows.map(({ text, p }) => el("li", {}, data("span", { class: "learn-voice" }, text), bar(p), el("span", { class: "learn-p" }, small(p))))),
  el("p", { class: "learn-counted" }, counted),
  confidence !== null && confidence !== undefined && el("p", {}, "Together: a confidence of ", el("b", {}, percent(confidence))));

const voice = (text) => ({ text, is_data: true, kind: "learn-voice" });

const drawWords = ({ rows }) => tableOf("Tokens", {
  heads: ["piece", "p", "surprise", "relevance", "without it", "share of the doubt"],
  rows: rows.map((row) => [
    data("span", { class: "learn-token", style: { "--shade": row.shade } }, row.text), row.p.toFixed(3), row.surprise.toFixed(2), row.relevance.toFixed(3),
    voice(row.without), el("div", {}, el("b", {}, percent(row.share)), bar(row.share, "doubt"))]),
}, "learn-words");

const drawMatrix = ({ texts, similarity }) => similarityTable("Similarity of each pair", texts.map((text) => [voice(text)]), ["answer"], similarity, "learn-matrix");

const drawSum = ({ rows, weight, most, confidence }) => [
  tableOf("One score per attempt", {
    heads: ["attempt", "p", "support", `(p + ${weight.toLocaleString("en")} × support) / ${most.toLocaleString("en")}`],
    rows: rows.map(({ text, p, support, score }) => [voice(text), p.toFixed(3), support.toFixed(3), el("b", {}, score.toFixed(3))]),
  }),
  el("p", { class: "learn-total", translate: "no" }, el("span", {}, `(${rows.map(({ score }) => score.toFixed(3)).join(" × ")})`, el("sup", {}, `1/${rows.length}`), " = "), el("b", {}, confidence.toFixed(3)), ` = ${percent(confidence)}`),
];

const drawQuadrants = ({ plot: chart, counts }) => [plot(chart), el("ul", { class: "learn-counts" }, counts.map(({ name, n, kept }) => el("li", { class: kept ? "kept" : "" }, el("b", {}, String(n)), el("span", {}, name))))];

const drawCurves = ({ plot: chart }) => plot(chart);

const drawDecision = ({ question, first, first_right, confidence, threshold, looked_up, passages, final, final_right, truth }) => el("ol", { class: "learn-decision" },
  el("li", {}, data("p", { class: "learn-question" }, question), el("p", { class: "learn-line" }, data("b", { class: "learn-voice" }, final === null || final === first ? first : el("del", {}, first)), verdict(first_right))),
  el("li", {},
    el("p", {}, confidence === null ? "It said no number." : el("b", {}, percent(confidence)), ` ${confidence !== null && confidence >= threshold ? "≥" : "<"} ${percent(threshold)}`),
    el("div", { class: `learn-gate ${confidence !== null && confidence >= threshold ? "" : "doubt"}`, style: { "--at": threshold } }, bar(confidence ?? 0))),
  el("li", {}, looked_up ? el("b", {}, "Looked it up:") : el("b", {}, "Answered without looking it up."),
    looked_up && (passages.length ? passages.map(({ text }) => data("p", { class: "learn-passage" }, text)) : el("p", {}, "Nothing was found."))),
  final !== null && el("li", {}, el("p", { class: "learn-line" }, data("b", { class: "learn-voice" }, final), verdict(final_right))),
  truth && (final_right ?? first_right) === false && el("li", { class: "learn-truth" }, "right would be: ", data("b", {}, truth)));

const FIGURES = {
  claims: ({ claims }) => el("div", { class: "learn-pair" }, claims.map(drawClaim)),
  attempts: ({ columns }) => el("div", { class: "learn-pair" }, columns.map(drawAttempts)),
  words: drawWords, matrix: drawMatrix, sum: drawSum, quadrants: drawQuadrants, curves: drawCurves, decision: drawDecision,
};

// -- the step ------------------------------------------------------------------------------------------

const figure = (value) => el("figure", { class: `learn-figure ${value.figure.kind}` }, FIGURES[value.figure.kind](value.figure), value.caption && el("figcaption", {}, value.caption));

const drawStep = (value) => el("section", { class: "card learn", "aria-label": value.title },
  el("h2", {}, el("span", { class: "learn-count" }, `${value.number}`), el("span", {}, value.title)),
  el("div", { class: "learn-says" }, value.says.map((text) => el("p", {}, text))),
  figure(value),
  el("div", { class: "learn-task" }, el("h3", {}, "Now you"), el("p", {}, value.task), el("button", { type: "button", class: "learn-link", onclick: () => trigger("go") }, value.link)),
  el("details", { class: "learn-note" }, el("summary", {}, "For the lecturer"), el("p", {}, `${value.minutes} minutes`), value.note.map((text) => el("p", {}, text))));

const draw = () => {
  const value = props.value;
  root.dataset.state = value?.state ?? "";
  if (!value || value.state === "empty") root.replaceChildren();
  else if (value.message) root.replaceChildren(el("p", { class: "card learn-message", role: "status" }, value.message));
  else if (value.says) root.replaceChildren(drawStep(value));
  else root.replaceChildren(el("section", { class: "card learn live", "aria-label": "What the model says now" }, figure(value)));
};

watch("value", draw);
draw();
