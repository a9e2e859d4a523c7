// The base and the new adapter side by side: what each answers, and how sure each says it is.

let value = props.value;

const HEADS = ["who", "answer", "says it is sure", "its own words"];

const drawRow = (row) =>
  el("tr", {},
    el("td", { class: "who" }, row.who),
    el("td", { dir: "auto", class: "said", translate: "no" }, row.answer),
    el("td", { class: "figure", "data-name": HEADS[2] }, row.spoken === null ? "no number" : percent(row.spoken)),
    el("td", { dir: "auto", translate: "no", "data-name": HEADS[3] }, row.words)
  );

const draw = () => {
  root.className = "runs beside";
  root.hidden = !value.rows.length && !value.failure;
  root.replaceChildren(
    ...[
      value.failure && el("p", { class: "warning" }, value.failure),
      value.rows.length && el("table", {}, el("thead", {}, el("tr", {}, HEADS.map((t) => el("th", { scope: "col" }, t)))), el("tbody", {}, value.rows.map(drawRow))),
      value.rows.length && el("p", { class: "caption" }, "The base was asked to say a number, the adapter does so by itself. Look at whether the number moved the right way."),
    ].filter(Boolean)
  );
};

watch("value", () => {
  value = props.value;
  draw();
});
draw();
