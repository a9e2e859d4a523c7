// Why the model doubts: one box per token, and the samples that say the same or not.

let value = props.value;

const detail = el("div", { class: "detail", id: `detail-${Math.random()}` });
let boxes = [];

const fact = (name, text, hint) => el("div", { title: hint }, el("dt", {}, name), el("dd", {}, text));

const show = (index) => {
  const token = value.tokens[index];
  boxes.forEach((box, i) => Object.assign(box, i === index ? { tabIndex: 0, ariaCurrent: "true" } : { tabIndex: -1, ariaCurrent: null }));
  detail.replaceChildren(
    el("p", { class: "detail-token", dir: "auto", translate: "no" }, token.text),
    el("dl", { class: "numbers" }, token.facts.map(({ name, value, hint }) => fact(name, value, hint))),
    el("p", { class: "without" }, "Without it: ", el("q", { dir: "auto", translate: "no" }, token.without), ` keeps ${percent(token.similarity)} of the meaning.`)
  );
};

const move = (event) => {
  const onwards = getComputedStyle(event.target.parentElement).direction === "rtl" ? -1 : 1;
  const steps = { ArrowRight: onwards, ArrowLeft: -onwards, ArrowDown: 1, ArrowUp: -1 };
  walkKeys(event, boxes.length, boxes.indexOf(event.target), steps, (k) => boxes[k].focus());
};

// Signs that stand for a space, a line break or nothing stay faint beside the token's own letters.
const faint = (text) => text.split(/([␣↵⇥∅])/).filter(Boolean).map((part) => (/[␣↵⇥∅]/.test(part) ? el("span", { class: "sign" }, part) : part));

const drawTokens = () => {
  boxes = value.tokens.map((token, index) => el("button",
    {
      type: "button", class: "token", "aria-describedby": detail.id,
      "aria-label": `${token.text}, ${token.doubt} of doubt`,
      style: { "--shade": token.shade, "--thickness": `${token.underline}px` },
      onmouseenter: () => show(index), onfocus: () => show(index), onclick: () => show(index),
    },
    el("span", { dir: "auto", translate: "no" }, faint(token.text)))
  );
  return el("div", { class: "tokens", role: "group", "aria-label": "The answer, token by token", dir: "auto", onkeydown: move }, boxes);
};

const drawLegend = () => el("p", { class: "legend" },
  el("span", {}, el("i", { class: "swatch shade" }), "background: the token's part of the doubt, 0 to 2 nats and more"),
  el("span", {}, el("i", { class: "swatch thin" }), el("i", { class: "swatch thick" }), "underline: the token's own −log p, 0 to 4 nats and more"));

const drawTable = () => el("details", { class: "as-table" }, el("summary", {}, "The same as a table"), tableOf("Tokens as a table", value.table));

const drawDone = () => {
  const parts = [
    el("h2", {}, "How sure, by each measure"),
    el("dl", { class: "numbers" }, value.numbers.map((number) => fact(number.name, number.value, number.hint))),
    el("p", { class: "summary" }, value.verdict),
    el("h2", {}, "Where the doubt sits"),
    el("p", { class: "lead" }, "The model's own answer, token by token:"),
    [value.tokens.length > 0 && [drawTokens(), detail], el("p", { class: "summary", dir: "auto" }, value.summary), value.tokens.length > 0 && [drawLegend(), drawTable()]].flat(),
    el("h2", {}, value.agreement),
    el("p", { class: "lead" }, value.sar),
    el("p", { class: "caption" }, "The same model, asked several times. Each sample with its own probability, and how alike each pair is (1.00: the same meaning; other names score high too, for the question is in both):"),
    tableOf("Samples and their similarity", value.similar, "samples"),
    el("div", { class: "costs" }, el("h3", {}, "What the two numbers cost"), value.costs.map((cost) => el("p", {}, cost))),
  ];
  root.replaceChildren(el("section", { class: "card why", "aria-label": "Why" }, parts.flat()));
  if (boxes.length > 0 && value.tokens.length > 0) show(value.top);
};

const drawNote = (text, attributes) => root.replaceChildren(el("section", { class: "card why", "aria-label": "Why" }, el("p", attributes, text)));

const draw = () => {
  root.dataset.state = value.state;
  if (value.state === "empty") root.replaceChildren();
  else if (value.state === "working") drawNote(value.note, { class: "waiting", role: "status" });
  else if (value.state === "error") drawNote(value.message, { class: "failed", role: "alert" });
  else drawDone();
};

watch("value", () => draw((value = props.value)));
draw();
