// The labels so far: how confident the right and the wrong answers are, and the newest of them as a table.

let value = props.value;

const share = (count, most) => ({ "--share": most ? count / most : 0 });

const drawHistogram = () => {
  const most = Math.max(1, ...value.right, ...value.wrong);
  const column = (i) =>
    el(
      "div",
      { class: "bin", title: `${10 * i} to ${10 * i + 10} %: ${value.right[i]} right, ${value.wrong[i]} wrong` },
      el("span", { class: "bin-count" }, value.right[i] || ""),
      el("i", { class: "bin-bar right", style: share(value.right[i], most) }),
      el("i", { class: "bin-bar wrong", style: share(value.wrong[i], most) }),
      el("span", { class: "bin-count" }, value.wrong[i] || "")
    );
  return el(
    "figure",
    { class: "histogram" },
    el("div", { class: "bins", "aria-hidden": "true" }, value.right.map((_, i) => column(i))),
    el("div", { class: "axis", "aria-hidden": "true" }, el("span", {}, "0 %"), el("span", {}, "how confident the samples are"), el("span", {}, "100 %")),
    el(
      "figcaption",
      {},
      el("b", { class: "right" }, "● above the line: right"), ", ", el("b", { class: "wrong" }, "◆ below it: wrong"),
      ". Good confidence has its right answers at the right end, and its wrong ones at the left."
    )
  );
};

const verdict = (row) =>
  row.right === null
    ? el("td", { class: "unjudged" }, "– not known")
    : el("td", { class: row.right ? "right" : "wrong" }, row.right ? "● right" : "◆ wrong");

const drawRow = (row) =>
  el(
    "tr",
    {},
    el("td", { dir: "auto", translate: "no" }, row.question),
    el("td", { dir: "auto", class: "said", translate: "no" }, row.answer, el("span", { class: "samples" }, row.samples.join(" · "))),
    el("td", { class: "figure", "data-name": "SAR" }, row.sar === null ? "–" : row.sar.toFixed(2).replace("-", "−")),
    el("td", { class: "figure", "data-name": "confidence" }, row.confidence === null ? row.reason : percent(row.confidence)),
    verdict(row)
  );

const drawTable = () =>
  el(
    "div",
    { class: "scroll rows", tabindex: 0, role: "region", "aria-label": "Labelled questions" },
    el(
      "table",
      {},
      el("thead", {}, el("tr", {}, ["question", "answer, and what the samples said", "SAR", "confidence", "checked"].map((t) => el("th", { scope: "col" }, t)))),
      el("tbody", {}, value.rows.map(drawRow))
    )
  );

const tableNote = () =>
  el("p", { class: "caption" }, "The newest first. The bold answer is the model’s first choice, the samples stand below it. SAR measures how far the samples disagree, weighing the words that matter: the lower, the surer.");

const summary = () =>
  [
    `${value.n.toLocaleString("en")} labelled: ${value.n_right} right, ${value.n_wrong} wrong`,
    value.n_unjudged && `${value.n_unjudged} without an accepted answer to compare with`,
    value.n_unscored && `${value.n_unscored} without a confidence`,
  ].filter(Boolean).join(", ") + ".";

const warning = () => {
  if (value.n < 10 || !value.n_right !== !value.n_wrong) {
    if (value.n >= 10 && value.n_right) return "All answers are right so far: AUROC is undefined, for nothing shows yet whether confidence can tell right from wrong.";
    if (value.n >= 10 && value.n_wrong) return "All answers are wrong so far: AUROC is undefined. Check the column of accepted answers.";
  }
  return null;
};

const draw = () => {
  root.className = "runs labels";
  root.hidden = !value.n;
  if (!value.n) return root.replaceChildren();
  const top = root.querySelector(".rows")?.scrollTop || 0;
  const problem = warning();
  root.replaceChildren(
    ...(value.recorded ? [el("p", { class: "recorded" }, value.recorded)] : []),
    el("p", { class: "summary" }, summary()),
    ...(problem ? [el("p", { class: "warning" }, problem)] : []),
    drawHistogram(),
    el("div", {}, drawTable(), tableNote())
  );
  root.querySelector(".rows").scrollTop = top;
};

watch("value", () => {
  value = props.value;
  draw();
});
draw();
