// One question, four columns: what each way of asking says, how sure, right or wrong, at what cost.

let value = props.value;

const verdict = (isRight) =>
  isRight === null || isRight === undefined ? el("span", { class: "verdict" }, "not judged: no reference answer") : el("span", { class: `verdict ${isRight ? "right" : "wrong"}` }, isRight ? "● right" : "◆ wrong");

const meter = ({ label, value: confidence }) => el("div", { class: "meter" },
  el("span", { class: "meter-label" }, label),
  el("b", {}, confidence === null ? "no number" : percent(confidence)),
  el("div", { class: "meter-bar", "aria-hidden": "true" }, el("div", { style: { "--confidence": confidence || 0 } })));

const prompt = (pieces) => el("pre", { dir: "auto", translate: "no" }, pieces.map(({ text, is_new }) => (is_new ? el("mark", {}, text) : text)));

const exchange = ({ label, prompt: pieces, replies }) => [
  el("dt", {}, `Sent (${label})`),
  el("dd", {}, prompt(pieces)),
  el("dt", {}, "Came back"),
  el("dd", {}, replies.map((reply) => el("pre", { dir: "auto", translate: "no" }, reply))),
];

const sent = (exchanges) => el("details", { class: "exact" },
  el("summary", {}, "Word for word"),
  el("dl", {}, exchanges.flatMap(exchange)),
  exchanges.some(({ prompt: pieces }) => pieces.some((piece) => piece.is_new)) && el("p", { class: "small" }, el("mark", {}, "Marked"), ": what is not in the plain question’s prompt."));

const opinion = (column) => [
  el("p", { class: "said", dir: "auto", translate: "no" }, column.answer),
  el("p", {}, verdict(column.is_right)),
  el("div", { class: "meters" }, column.confidences.map(meter)),
  el("p", { class: "small" }, `${column.n_passes} forward pass${column.n_passes === 1 ? "" : "es"}, ${seconds(column.seconds)}.`, column.note && ` ${column.note}`),
];

const waiting = (column) => [el("p", { class: "said pending", "aria-hidden": "true" }, value.state === "working" ? "…" : ""), column.note && el("p", { class: "small" }, column.note)];

const drawColumn = (column) => el("section", { class: `card column ${column.method}`, "aria-label": column.title },
  el("h3", {}, column.title),
  el("p", { class: "how" }, column.how),
  column.answer === undefined ? waiting(column) : opinion(column),
  column.caveat && el("p", { class: "caveat" }, column.caveat),
  column.exchanges && sent(column.exchanges));

const said = el("p", { class: "sr-only", role: "status", "aria-live": "polite" });
const asked = el("p", { class: "asked", dir: "auto" });
const columns = el("div", { class: "columns" });
root.replaceChildren(asked, columns, said);

const draw = () => {
  root.dataset.state = value.state;
  root.setAttribute("aria-busy", value.state === "working"); // page.css holds the buttons meanwhile
  asked.replaceChildren(
    ...(value.state === "error" ? [el("span", { class: "failed", role: "alert" }, value.message)]
      : [el("bdi", { translate: "no" }, value.question), value.reference && value.state === "done" && el("span", {}, ` Right is: ${value.reference}.`)].filter(Boolean))
  );
  redrawn(columns, value.columns.map(drawColumn));
  said.textContent = value.state === "done" ? value.columns.filter((c) => c.answer !== undefined).map((c) => `${c.title}: ${c.answer.replace(/\.$/, "")}.`).join(" ") : "";
  if (value.state !== "empty" && value.state !== "error") window.uaitAddress?.keep("compare", { q: value.question });
};

watch("value", () => draw((value = props.value)));
draw();
