// A tuning as it goes: its figures, and what the probe questions say at each look; a slider goes back in time.

let value = props.value;
let look = null; // the look chosen on the slider, or null for the newest
let playing = 0; // the timer of a replay

const drawProbe = (probe, i) => el("li", { class: probe.right ? "right" : "wrong" },
  el("span", { class: "sign", "aria-hidden": "true" }, probe.right ? "●" : "◆"),
  el("span", { dir: "auto", translate: "no" }, probe.question, el("em", { dir: "auto" }, ` ${probe.answers[i] || "(no words)"}`)),
  el("b", {}, probe.numbers[i] ?? "no number"));

const drawProbes = () => {
  const n = value.looks.length;
  const [list, when, auroc] = [el("ul", { class: "probes" }), el("b", {}), el("b", {})];
  const slider = el("input", { type: "range", min: 0, max: n - 1, step: 1, "aria-label": "Go back in time", oninput: () => go(Number(slider.value)) });
  const go = (i) => {
    const { step, auroc: text } = value.looks[i];
    look = i === n - 1 ? null : i;
    slider.value = i;
    when.textContent = `step ${step}`;
    auroc.textContent = text;
    ["probes", "watched"].forEach((name) => mark(name, [step, step], [0, 1.03]));
    list.replaceChildren(...value.probes.map((probe) => drawProbe(probe, i)));
  };
  const replay = () => {
    clearInterval(playing);
    go(0);
    playing = setInterval(() => (slider.isConnected && Number(slider.value) < n - 1 ? go(Number(slider.value) + 1) : clearInterval(playing)), 700);
  };
  const node = el("section", { class: "watch", "aria-label": "Watch confidence form" },
    el("h3", {}, "Watch confidence form"),
    drawParts([{ figures: value.figures }]),
    n > 1 && el("div", { class: "time" }, el("label", { class: "limit" }, el("span", {}, "Go back in time: ", when), slider), el("button", { type: "button", class: "replay", onclick: replay }, "▶ Replay")),
    el("p", { class: "auroc" }, "AUROC at this step: ", auroc),
    list);
  go(look === null ? n - 1 : Math.min(look, n - 1));
  return node;
};

const draw = () => {
  root.className = "runs tuning";
  root.hidden = value.is_empty;
  root.replaceChildren(...[
    value.recorded && el("p", { class: "recorded" }, value.recorded),
    value.results.length && el("section", { class: "results", "aria-label": "Before and after" }, drawParts(value.results)),
    value.figures.length && drawProbes(),
    value.losses.length && el("div", { class: "losses" }, drawParts([{ figures: value.losses }])),
  ].filter(Boolean));
};

watch("value", () => {
  if (props.value.recorded !== value.recorded) look = null;
  value = props.value;
  draw();
});
draw();
