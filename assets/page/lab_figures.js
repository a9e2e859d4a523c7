// The lab's three figures on the unit square. They draw what the lab has selected (`now`) at its `threshold`.

const SVG = "http://www.w3.org/2000/svg";

const svg = (tag, attributes = {}, ...children) => {
  const node = document.createElementNS(SVG, tag);
  Object.entries(attributes).forEach(([name, v]) => node.setAttribute(name, v));
  node.append(...children.flat());
  return node;
};

const figure = (title, caption) => {
  const heading = el("h3", {}, title);
  const picture = svg("svg", { role: "img" });
  const text = el("figcaption", {}, caption);
  return { node: el("figure", {}, heading, picture, text), heading, picture, text };
};

const roc = figure("ROC curve", "Each point is one threshold: how many right answers it lets through, against how many wrong ones. The further the curve bows to the upper left the better; along the dashed line the confidence is worth no more than a coin. The marker is your threshold.");
const calibration = figure("Reliability", "One bar per range of confidence, as high as the share that was right, with the number of questions on it. Where the number means what it says, bars end on the dashed line; below it the model claims too much.");
const risk = figure("Risk and coverage", "Answer only the surest questions, and some of them are still wrong: how many, from few questions on the left to all on the right. A good confidence keeps the left end low. The marker is your threshold.");

// A square with 0-1 axes; returns the functions from numbers to px.
const square = ({ picture }, width, xName, yName, top = 1) => {
  const [left, right, up, down] = [46, 10, 14, 40];
  const height = Math.min(width, 300);
  const x = (v) => left + v * (width - left - right);
  const y = (v) => height - down - (v / top) * (height - up - down);
  const tick = (v) => percent(v).replace(/\s/, "");
  picture.setAttribute("width", width);
  picture.setAttribute("height", height);
  picture.replaceChildren(
    svg("path", { class: "axis", d: `M${x(0)} ${y(top)}V${y(0)}H${x(1)}` }),
    ...[0, 0.5, 1].map((v) => svg("text", { x: x(v), y: y(0) + 15, "text-anchor": v === 1 ? "end" : "middle" }, tick(v))),
    ...[0, 0.5, 1].map((v) => svg("text", { x: left - 5, y: y(v * top) + 4, "text-anchor": "end" }, tick(v * top))),
    svg("text", { x: x(0.5), y: height - 6, "text-anchor": "middle" }, xName),
    svg("text", { transform: `translate(11 ${y(top / 2)}) rotate(-90)`, "text-anchor": "middle" }, yName)
  );
  return { x, y };
};

const path = (points, { x, y }) => points.map(([a, b], i) => `${i ? "L" : "M"}${x(a).toFixed(1)} ${y(b).toFixed(1)}`).join("");
const nothing = ({ heading, picture }, title, why) => {
  heading.textContent = title;
  picture.setAttribute("height", 60);
  picture.replaceChildren(svg("text", { x: 4, y: 34 }, why));
};

let rocPoint = null;
let riskPoint = null;

const drawRoc = (width) => {
  rocPoint = null;
  const [nRight, nWrong] = [sum(now.groups, (g) => g.right), sum(now.groups, (g) => g.wrong)];
  if (now.auroc === null) return nothing(roc, "ROC curve: undefined", nRight + nWrong === 0 ? "No answer here is judged." : `All answers are ${nRight ? "right" : "wrong"}: nothing to tell apart.`);
  const { interval } = data.recorded[split]?.[method] || {};
  roc.heading.textContent = `ROC curve: AUROC ${now.auroc.toFixed(2)}${interval ? ` (${interval[0].toFixed(2)} to ${interval[1].toFixed(2)})` : ""}, n = ${now.both.length}`;
  const scale = square(roc, width, "wrong answers let through", "right answers let through");
  const points = [[0, 0]];
  for (const { right, wrong } of [...now.groups].reverse()) points.push([points.at(-1)[0] + wrong / nWrong, points.at(-1)[1] + right / nRight]);
  const marker = svg("circle", { class: "marker", r: 6 });
  roc.picture.append(svg("path", { class: "chance", d: path([[0, 0], [1, 1]], scale) }), svg("path", { class: "curve", d: path(points, scale) }), marker);
  rocPoint = () => {
    const trusted = now.both.filter(({ c }) => c >= threshold);
    const at = [trusted.filter((r) => !r.isRight).length / nWrong, trusted.filter((r) => r.isRight).length / nRight];
    marker.setAttribute("cx", scale.x(at[0]));
    marker.setAttribute("cy", scale.y(at[1]));
    roc.picture.setAttribute("aria-label", `At this threshold ${percent(at[1])} of the right and ${percent(at[0])} of the wrong answers are let through.`);
  };
};

const drawReliability = (width) => {
  if (now.ece === null) return nothing(calibration, "Reliability: undefined", "No answer here is judged.");
  calibration.heading.textContent = `Reliability: ECE ${now.ece.toFixed(2)}, n = ${now.both.length}`;
  const scale = square(calibration, width, "confidence", "share that was right");
  const bar = ({ b, count, accuracy }) => {
    const [from, to] = [scale.x(b / data.n_bins) + 1, scale.x((b + 1) / data.n_bins) - 1];
    return [
      svg("rect", { class: "bar", x: from, y: scale.y(accuracy), width: to - from, height: scale.y(0) - scale.y(accuracy) }),
      svg("text", { class: "count", x: (from + to) / 2, y: scale.y(accuracy) - 3, "text-anchor": "middle" }, String(count)),
    ];
  };
  calibration.picture.append(...now.bins.flatMap(bar), svg("path", { class: "chance", d: path([[0, 0], [1, 1]], scale) }));
  calibration.picture.setAttribute("aria-label", `Expected calibration error ${now.ece.toFixed(2)}; the bins stand in the table below.`);
};

const drawRisk = (width) => {
  riskPoint = null;
  if (now.risk.area === null) return nothing(risk, "Risk and coverage: undefined", "No answer here is judged.");
  risk.heading.textContent = `Risk and coverage: area ${now.risk.area.toFixed(2)}, n = ${now.both.length}`;
  const top = Math.max(0.25, Math.ceil(4 * Math.max(...now.risk.points.map((p) => p[1]))) / 4);
  const scale = square(risk, width, "share answered", "of these wrong", top);
  const marker = svg("circle", { class: "marker", r: 6 });
  risk.picture.append(svg("path", { class: "curve", d: path(now.risk.points, scale) }), marker);
  riskPoint = () => {
    const n = now.both.filter(({ c }) => c >= threshold).length;
    const at = n === 0 ? null : now.risk.points[n - 1];
    marker.setAttribute("visibility", at ? "visible" : "hidden");
    if (at) marker.setAttribute("cx", scale.x(at[0]));
    if (at) marker.setAttribute("cy", scale.y(at[1]));
    risk.picture.setAttribute("aria-label", at ? `Answering ${percent(at[0])} of the questions, ${percent(at[1])} of these wrong.` : "Nothing is answered.");
  };
};
