// A tuning as it goes: loss, learning rate, and what the probe questions say at each look; a slider goes back in time.

let value = props.value;
let look = null; // the look chosen on the slider, or null for the newest
let playing = 0; // the timer of a replay

const SVG = "http://www.w3.org/2000/svg";
const [WIDTH, HEIGHT] = [600, 220];

const svg = (tag, attributes, ...children) => {
  const node = document.createElementNS(SVG, tag);
  Object.entries(attributes).forEach(([name, v]) => node.setAttribute(name, v));
  node.append(...children);
  return node;
};

// One chart: lines over steps, `high` on top; the ends of both axes are written beside it, so that text keeps its size.
// `extra` is drawn below the lines, given the scales of both axes.
const chart = (label, lines, last, low, high, show, caption, extra = () => []) => {
  const x = (step) => (WIDTH * step) / Math.max(1, last);
  const y = (v) => HEIGHT - (HEIGHT * (v - low)) / (high - low || 1);
  const drawn = lines.flatMap(({ kind, points }) => [
    svg("polyline", { class: `curve ${kind}`, points: points.map(([s, v]) => `${x(s)},${y(v)}`).join(" ") }),
    ...(points.length < 40 ? points.map(([s, v]) => svg("circle", { class: `knot ${kind}`, cx: x(s), cy: y(v), r: 4 })) : []),
  ]);
  return el(
    "figure",
    { class: "chart" },
    el("div", { class: "chart-title" }, label),
    el("div", { class: "chart-box" }, el("span", { class: "high" }, show(high)), el("span", { class: "low" }, show(low)),
      svg("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none", role: "img", "aria-label": label }, ...extra(x, y), ...drawn)),
    el("div", { class: "axis", "aria-hidden": "true" }, el("span", {}, "step 0"), el("span", {}, `step ${last}`)),
    el("figcaption", {}, caption)
  );
};

const curve = (kind, rows, key) => ({ kind, points: rows.filter((r) => r[key] !== undefined && r[key] !== null).map((r) => [r.step, r[key]]) });

const drawLosses = (last) => {
  const losses = value.steps.flatMap((r) => [r.loss, r.eval_loss]).filter(Number.isFinite);
  const rates = value.steps.map((r) => r.learning_rate).filter(Number.isFinite);
  const now = value.steps.at(-1);
  const unseen = value.steps.findLast((r) => Number.isFinite(r.eval_loss));
  return [
    chart("Loss", [curve("train", value.steps, "loss"), curve("dev", value.steps, "eval_loss")], last, 0, Math.max(...losses), (v) => v.toFixed(2),
      `How surprised the model is by what it is taught: ${now.loss.toFixed(3)} now${unseen ? `; ${unseen.eval_loss.toFixed(3)} on examples kept apart (dashed)` : ""}. It should fall.`),
    chart("Learning rate", [curve("rate", value.steps, "learning_rate")], last, 0, Math.max(...rates), (v) => v.toExponential(0),
      `How big the steps are: ${now.learning_rate.toExponential(1)} now. It rises at first, then falls to nothing.`),
  ];
};

// How well the numbers tell right from wrong: a line with its 95 % interval, and the line of a coin.
const drawWatched = (last, marker) => {
  const points = value.watched.map((w, i) => [value.probe_steps[i], w]).filter(([, w]) => w.auroc !== null);
  const band = (x, y) => {
    const whole = points.filter(([, w]) => w.interval);
    const edge = [...whole.map(([s, w]) => [s, w.interval[1]]), ...whole.reverse().map(([s, w]) => [s, w.interval[0]])];
    return [
      svg("polygon", { class: "band", points: edge.map(([s, v]) => `${x(s)},${y(v)}`).join(" ") }),
      svg("line", { class: "coin", x1: 0, x2: WIDTH, y1: y(0.5), y2: y(0.5) }),
      marker(x),
    ];
  };
  return chart("Tells right from wrong (AUROC)", [{ kind: "train", points: points.map(([s, w]) => [s, w.auroc]) }], last, 0, 1, (v) => v.toFixed(1),
    "Other questions that it is not taught, asked at every look: 1 when every right answer comes with a higher number than every wrong one, 0.5 (dotted) for a coin. The band is the 95 % interval. They were picked by the same thresholds, so this is kinder than the table of before and after.", band);
};

const drawProbes = (last) => {
  const n = value.probe_steps.length;
  const at = look === null ? n - 1 : Math.min(look, n - 1);
  const list = el("ul", { class: "probes" });
  const when = el("b", {});
  const auroc = el("b", {});
  const markers = [];
  const marker = (x) => {
    const line = svg("line", { class: "now", y1: 0, y2: HEIGHT });
    markers.push((step) => ["x1", "x2"].forEach((name) => line.setAttribute(name, x(step))));
    return line;
  };
  const show = (i) => {
    when.textContent = `step ${value.probe_steps[i]}`;
    auroc.textContent = value.watched[i].text;
    markers.forEach((move) => move(value.probe_steps[i]));
    list.replaceChildren(
      ...value.probes.map((p) =>
        el("li", { class: p.right ? "right" : "wrong" },
          el("span", { class: "sign", "aria-hidden": "true" }, p.right ? "●" : "◆"),
          el("span", { dir: "auto", translate: "no" }, p.question, el("em", { dir: "auto" }, ` ${p.answers[i] || "(no words)"}`)),
          el("b", {}, p.said[i] === null || p.said[i] === undefined ? "no number" : percent(p.said[i])))
      )
    );
  };
  const go = (i) => {
    slider.value = i;
    look = i === n - 1 ? null : i;
    show(i);
  };
  const slider = el("input", { type: "range", min: 0, max: n - 1, step: 1, value: at, "aria-label": "Go back in time", oninput: () => go(Number(slider.value)) });
  const replay = el("button", { type: "button", class: "replay", onclick: () => {
    clearInterval(playing);
    go(0);
    playing = setInterval(() => (slider.isConnected && Number(slider.value) < n - 1 ? go(Number(slider.value) + 1) : clearInterval(playing)), 700);
  } }, "▶ Replay");
  const lines = value.probes.map((p) => ({
    kind: p.right ? "right" : "wrong",
    points: p.said.map((v, i) => [value.probe_steps[i], v]).filter(([, v]) => v !== null),
  }));
  const charts = el("div", { class: "charts" },
    chart("How sure it says it is", lines, last, 0, 1, percent,
      "The same questions, asked again and again: the mean of all the numbers it may say. The solid ones were right and sure to begin with and should rise; the dashed ones were wrong and unsure and should fall.", (x) => [marker(x)]),
    drawWatched(last, marker));
  show(at);
  return el(
    "section",
    { class: "watch", "aria-label": "Watch confidence form" },
    el("h3", {}, "Watch confidence form"),
    charts,
    n > 1 && el("div", { class: "time" }, el("label", { class: "limit" }, el("span", {}, "Go back in time: ", when), slider), replay),
    el("p", { class: "auroc" }, "AUROC at this step: ", auroc),
    list
  );
};

const HEADS = ["", "tells right from wrong (AUROC, 95 % interval)", "off by (ECE)", "right answers", "no number said"];

const drawResults = () =>
  el(
    "section",
    { class: "results", "aria-label": "Before and after" },
    el("h3", {}, `Before and after, on ${value.results[0].n} questions it was not taught`),
    el("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": "Before and after as a table" },
      el("table", {},
        el("thead", {}, el("tr", {}, HEADS.map((t) => el("th", { scope: "col" }, t)))),
        el("tbody", {}, value.results.map((r) => el("tr", {}, [r.name, r.auroc, r.ece, r.accuracy, `${r.n_unscored} of ${r.n}`].map((t, i) => el("td", { "data-name": HEADS[i] || null }, t))))))),
    el("p", { class: "caption" }, "AUROC: 1 when every right answer comes with a higher number than every wrong one, 0.5 for a coin. ECE: how far the numbers are from how often it is right; 0 is best.")
  );

const draw = () => {
  root.className = "runs tuning";
  const last = Math.max(value.steps.at(-1)?.step || 0, value.probe_steps.at(-1) || 0);
  root.hidden = !value.steps.length && !value.probe_steps.length;
  root.replaceChildren(
    ...[
      value.recorded && el("p", { class: "recorded" }, value.recorded),
      value.results.length && drawResults(),
      value.probe_steps.length && value.probes.length && drawProbes(last),
      value.steps.length && el("div", { class: "charts" }, drawLosses(last)),
    ].filter(Boolean)
  );
};

watch("value", () => {
  if (props.value.recorded !== value.recorded) look = null;
  value = props.value;
  draw();
});
draw();
