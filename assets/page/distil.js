// Which labels teach: every label a dot on its confidence, right ones above, wrong ones below, and two thresholds to drag.
// The dots are sorted here by the same rule as in Python; the button hands the two thresholds over.

let value = props.value;
const limits = { right: Math.round(100 * value.keep_right_from), wrong: Math.round(100 * value.keep_wrong_below) };

const chosen = () => ({ right: limits.right / 100, wrong: limits.wrong / 100 });
const keeps = (point) => isKept(point, chosen());

// -- the field: a lane of dots for the right answers and one for the wrong, in each a line to drag --------

const isOn = (side) => ({ point }) => (side === "right") === point.right;

const sideOf = (side) => {
  const [range, lane, mark] = ["Range", "Lane", "Mark"].map((part) => named[side + part]);
  const along = () => dots.filter(isOn(side)).sort((a, b) => a.point.confidence - b.point.confidence);
  range.value = limits[side];
  range.oninput = () => move(side, range.value);
  lane.onkeydown = (event) => walkKeys(event, along().length, along().indexOf(reading), { ArrowRight: 1, ArrowLeft: -1 }, (k) => along()[k] && read(along()[k]));
  lane.onclick = (event) => event.target.point && read(event.target);
  dragged(lane, 0, (share) => move(side, 100 * share));
  return { range, lane, mark };
};

const move = (side, percents) => {
  limits[side] = Math.min(100, Math.max(0, Math.round(percents)));
  sides[side].range.value = limits[side];
  drawChoice();
};

const { source, detail, counts, leftOut, targets, keep } = named;
const sides = { right: sideOf("right"), wrong: sideOf("wrong") };
keep.onclick = () => trigger("keep");
let dots = [];
let reading = null; // the dot that is being read

const read = (dot) => {
  const { point } = dot;
  reading?.classList.remove("is-chosen");
  reading = dot;
  dot.classList.add("is-chosen");
  const correct = point.right ? "right" : `wrong${point.reference ? `; accepted: ${point.reference}` : ""}`;
  const fate = keeps(point) ? `kept, to be taught as “${point.taught}”` : "dropped";
  detail.textContent = `${point.question} — ${point.answer} (${correct}), confidence ${percent(point.confidence)}: ${fate}.`;
};

// -- what the thresholds make of it -------------------------------------------------------------------

const quadrant = (name, kept, title, hint, count) => el("div", { class: `quadrant ${kept ? "kept" : "dropped"}`, "data-quadrant": name },
  el("b", { class: "count" }, count.toLocaleString("en")),
  el("span", { class: "quadrant-title" }, `${kept ? "✓ kept" : "✕ dropped"}: ${title}`),
  el("span", { class: "hint" }, hint));

const drawCounts = (usable) => {
  const n = quadrantsOf(usable, chosen());
  counts.replaceChildren(
    quadrant("lucky", false, "lucky guess", "right, but its samples disagreed", n.lucky),
    quadrant("knows", true, "knows", "right and sure: teaches a high number", n.knows),
    quadrant("doubts", true, "knows that it does not know", "wrong and unsure: teaches a low number", n.doubts),
    quadrant("mistaken", false, "confident mistake", "wrong, and its samples agreed on it", n.mistaken)
  );
  const n_kept = n.knows + n.doubts;
  keep.disabled = !n_kept || Boolean(value.recorded);
  keep.textContent = value.recorded ? "Label questions of your own to keep them" : n_kept ? `Keep these ${n_kept.toLocaleString("en")} examples` : "Nothing is kept";
};

const drawTargets = (kept) => {
  const taught = kept.filter((p) => !p.is_dev);
  if (!taught.length) return targets.replaceChildren(el("p", { class: "warning" }, "These thresholds keep nothing to learn from. Move the upper one to the left or the lower one to the right."));
  const bins = Array(20).fill(0);
  taught.forEach((p) => (bins[Math.min(19, Math.floor(20 * p.confidence))] += 1));
  const [most, total] = [Math.max(...bins), taught.length];
  const { n, bits, common, count } = varietyOf(taught);
  targets.replaceChildren(
    el("h3", {}, "How sure the examples are"),
    el("div", { class: "bins", "aria-hidden": "true" }, bins.map((c, i) => el("i", { class: "target", title: `${5 * i} to ${5 * i + 5} %: ${c}`, style: { "--share": c / most } }))),
    el("div", { class: "axis", "aria-hidden": "true" }, el("span", {}, "0 %"), el("span", {}, "confidence of the label"), el("span", {}, "100 %")),
    el("figcaption", {}, `${total.toLocaleString("en")} of ${kept.length.toLocaleString("en")} to learn from${kept.length > total ? ": the others are kept apart to choose the threshold" : ""}. ${n} different numbers, `, el("span", { class: "entropy" }, `${bits.toFixed(2)} bits`), " of variety: the more, the better it learns to grade its doubt."),
    ...(count > 1 && count > value.modal_share * total ? [el("p", { class: "warning" }, `${count} of ${total} say ${common}: a tuned model tends to say such a number always. Use more samples per question, or move the thresholds apart.`)] : [])
  );
};

const drawChoice = () => {
  for (const [side, keepsAll] of [["right", 0], ["wrong", 100]]) {
    sides[side].lane.style.setProperty("--at", limits[side]);
    sides[side].mark.textContent = `${limits[side]}\u00a0%${limits[side] === keepsAll ? " (all)" : ""}`;
    root.dataset[side] = limits[side] / 100;
  }
  dots.forEach((dot) => dot.classList.toggle("is-kept", keeps(dot.point)));
  const usable = value.points.filter((p) => !p.left_out);
  drawCounts(usable);
  drawTargets(usable.filter(keeps));
};

// The same dot keeps its height, so that nothing dances when a label is added.
const height = (text) => {
  let hash = 7;
  for (const c of text) hash = (31 * hash + c.codePointAt(0)) % 9973;
  return 8 + (84 * hash) / 9973;
};

const draw = () => {
  root.hidden = !value.points.length;
  source.textContent = value.recorded;
  const usable = value.points.filter((p) => !p.left_out);
  dots = usable.map((point) => {
    const dot = el("i", { class: "dot", translate: "no", title: `${point.question} ${point.answer}`, style: { "--x": 100 * point.confidence, "--y": height(`${point.id} ${point.question}`) } });
    dot.point = point;
    return dot;
  });
  for (const side of ["right", "wrong"]) sides[side].lane.replaceChildren(...dots.filter(isOn(side)));
  leftOut.textContent = value.left_out;
  drawChoice();
};

watch("value", () => draw((value = props.value)));
draw();
