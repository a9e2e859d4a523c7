// One step of the lesson: a few sentences, a figure, a task; or what the live model said, as the same figure.

const data = (tag, attributes, text) => el(tag, { translate: "no", dir: "auto", ...attributes }, text);
const bar = (share, kind = "") => el("span", { class: `learn-bar ${kind}`, "aria-hidden": "true" }, el("i", { style: { "--share": share } }));

const small = (p) => (p < 0.001 ? "< 0.001" : p.toFixed(p < 0.1 ? 3 : 2));

// -- the figures: on a projector, what has a data-build comes when it is played (present.js) -------------------------

const verdict = (isRight, build) => isRight !== null && isRight !== undefined && el("span", { class: `verdict ${isRight ? "right" : "wrong"}`, "data-build": build }, isRight ? "● right" : "◆ wrong");

const drawClaim = ({ question, answer, confidence, right, truth }) => el("div", { class: "learn-claim" },
  data("p", { class: "learn-question" }, question),
  el("p", { class: "learn-line" }, data("b", { class: "learn-voice" }, answer), verdict(right, 1)),
  confidence === null ? el("p", {}, "It stated no confidence.") : [el("p", { class: "learn-number" }, percent(confidence)), bar(confidence)],
  right === false && truth && el("p", { "data-build": 1 }, "right would be: ", data("b", {}, truth)));

const drawAttempts = ({ question, rows, counted, confidence }, i) => el("div", { class: "learn-attempts" },
  data("p", { class: "learn-question" }, question),
  el("ol", { "data-build": i + 1 }, rows.map(({ text, p }) => el("li", {}, data("span", { class: "learn-voice" }, text), bar(p), el("span", { class: "learn-p" }, small(p))))),
  el("p", { class: "learn-counted", "data-build": i + 1 }, counted),
  confidence !== null && confidence !== undefined && el("p", {}, "Together: a confidence of ", el("b", {}, percent(confidence))));

const drawTable = (label) => ({ kind, table }) => el("div", { class: `learn-${kind} learn-part`, "data-build": 1 }, tableOf(label, table));

const drawSum = (value) => [drawTable("One score per attempt")(value), el("p", { class: "learn-total", translate: "no", "data-build": 2 },
  el("span", {}, `(${value.rows.map(({ score }) => score.toFixed(3)).join(" × ")})`, el("sup", {}, `1/${value.rows.length}`), " = "), el("b", {}, value.confidence.toFixed(3)), ` = ${percent(value.confidence)}`)];

const drawQuadrants = ({ plot: chart, counts }) => [plot(chart), el("ul", { class: "learn-counts", "data-build": 1 }, counts.map(({ name, n, kept }) => el("li", { class: kept ? "kept" : "" }, el("b", {}, String(n)), el("span", {}, name))))];

const drawDecision = ({ question, first, first_right, confidence, threshold, looked_up, passages, final, final_right, is_open, truth }) => el("ol", { class: "learn-decision" },
  el("li", {}, data("p", { class: "learn-question" }, question), el("p", { class: "learn-line" }, data("b", { class: "learn-voice" }, first), verdict(first_right, 3))),
  el("li", { "data-build": 1 },
    el("p", {}, confidence === null ? "It stated no confidence." : el("b", {}, percent(confidence)), ` ${confidence !== null && confidence >= threshold ? "≥" : "<"} ${percent(threshold)}`),
    el("div", { class: `learn-gate ${confidence !== null && confidence >= threshold ? "" : "doubt"}`, style: { "--at": threshold } }, bar(confidence ?? 0))),
  el("li", { "data-build": 2 }, looked_up ? el("b", {}, "Looked it up:") : el("b", {}, "Answered without looking it up."),
    looked_up && (passages.length ? passages.map(({ text }) => data("p", { class: "learn-passage" }, text)) : el("p", {}, "Nothing was found."))),
  final !== null && el("li", { "data-build": 3 }, el("p", { class: "learn-line" }, data("b", { class: "learn-voice" }, final), verdict(final_right))),
  is_open && el("li", { "data-build": 3 }, el("b", { class: "learn-voice" }, "I don’t know.")),
  truth && (final_right ?? first_right) === false && el("li", { class: "learn-truth", "data-build": 3 }, "right would be: ", data("b", {}, truth)));

const FIGURES = {
  claims: ({ claims }) => el("div", { class: "learn-pair" }, claims.map(drawClaim)),
  attempts: ({ columns }) => el("div", { class: "learn-pair" }, columns.map(drawAttempts)),
  words: drawTable("Tokens"), matrix: drawTable("Similarity of each pair"), sum: drawSum, quadrants: drawQuadrants, decision: drawDecision,
  curves: ({ plot: chart }) => el("div", { class: "learn-curtain learn-part", "data-build": 1 }, plot(chart)),
};

// -- the step ------------------------------------------------------------------------------------------

const figure = (value) => el("figure", { class: `learn-figure ${value.figure.kind}` }, FIGURES[value.figure.kind](value.figure), value.caption && el("figcaption", {}, value.caption));

const drawStep = (value) => el("section", { class: "card learn", "aria-label": value.title },
  el("h2", {}, el("span", { class: "learn-count" }, `${value.number}`), el("span", {}, value.title)),
  el("div", { class: "learn-says" }, value.says.map((text) => el("p", {}, text))),
  el("p", { class: "learn-opens" }, value.slide.opens),
  el("p", { class: "learn-reveals", "data-build": 9 }, value.slide.reveals),
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
