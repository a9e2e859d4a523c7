// The Evaluate tab: its results, each with figures, how to read them, and tables; and the files to take away.

const file = ({ label, name, text, type }) => el("button", { type: "button", class: "pill", onclick: () => save(new Blob([text], { type }), name) }, label);

const drawSection = ({ title, figures, caption, caveat, table, note, folded }) =>
  el("section", { class: "result", "aria-label": title },
    el("h3", {}, title),
    figures.length > 0 && el("div", { class: "panels" }, figures.map(plot)),
    el("p", { class: "small" }, caption),
    caveat && el("p", { class: "caveat" }, caveat),
    table.rows && tableOf(table.label, table),
    note && el("p", { class: "small" }, note),
    folded.rows && el("details", {}, el("summary", {}, folded.label), tableOf(folded.label, folded), el("p", { class: "small" }, folded.about)));

const nothing = () => el("p", {}, "No evaluation is recorded for this model and adapter. Press Run again above; the results then show here.");

const draw = () => {
  const value = props.value;
  root.className = "evaluate";
  root.dataset.state = value?.state || "empty";
  if (root.dataset.state !== "done") return root.replaceChildren(nothing());
  const head = el("div", { class: "head" }, el("p", { class: "made" }, value.made), el("div", { class: "files" }, value.files.map(file)));
  root.replaceChildren(head, ...value.sections.map(drawSection));
};

watch("value", draw);
draw();
