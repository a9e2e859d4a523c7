// Example questions in labelled groups. A click leaves the question in data-picked and tells the page.

const pick = (text) => {
  root.dataset.picked = text;
  trigger("pick");
};

const chip = ({ text, seen, title }) => el("button", { type: "button", class: "chip", dir: "auto", onclick: () => pick(text) },
  el("span", { translate: "no" }, text),
  seen !== null && seen !== undefined && el("span", { class: "seen", title }, `told ${seen.toLocaleString("en")}×`));

const group = ({ kind, label, questions }) => el("div", { role: "group", "aria-label": label, class: `kind ${kind}` },
  el("span", { class: "kind-label", "aria-hidden": "true" }, label),
  el("div", { class: "chips" }, questions.map(chip)));

root.replaceChildren(...(props.value || []).map(group));
