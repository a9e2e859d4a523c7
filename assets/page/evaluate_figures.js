// The Evaluate tab's figures: intervals in rows, lines over a few named places, bars with lines; and their PNG files.

const SVG = "http://www.w3.org/2000/svg";

const svg = (tag, attributes = {}, ...children) => {
  const node = document.createElementNS(SVG, tag);
  Object.entries(attributes).forEach(([name, v]) => node.setAttribute(name, v));
  node.append(...children.flat(Infinity).filter(Boolean));
  return node;
};

const two = (v) => v.toFixed(2);
const isNumber = (v) => v !== null && v !== undefined;
const between = ({ low, high }, show) => (isNumber(low) && isNumber(high) ? ` (${show(low)} to ${show(high)})` : "");
const text = (x, y, words, anchor = "middle", kind = "") => svg("text", { x, y, "text-anchor": anchor, class: kind }, words);

// Told apart by colour, by dash and by the shape of the marks: any two of them would do.
const MARKS = {
  circle: (x, y) => svg("circle", { cx: x, cy: y, r: 4.5 }),
  square: (x, y) => svg("rect", { x: x - 4, y: y - 4, width: 8, height: 8 }),
  diamond: (x, y) => svg("path", { d: `M${x} ${y - 5.5}l5.5 5.5l-5.5 5.5l-5.5 -5.5z` }),
  triangle: (x, y) => svg("path", { d: `M${x} ${y - 5.5}l5 9h-10z` }),
  none: () => null,
};
const KINDS = {
  "UaIT expected": ["expected", "circle"],
  "UaIT spoken": ["spoken", "circle"],
  verbalized: ["verbalized", "diamond"],
  SAR: ["sar", "square"],
  random: ["random", "none"],
  oracle: ["oracle", "triangle"],
};
const kindOf = (name) => KINDS[name] || ["other", "square"];

const whisker = (x, low, high, y, kind) =>
  isNumber(low) && isNumber(high) && svg("path", { class: `whisker ${kind}`, d: `M${x} ${y(low).toFixed(1)}V${y(high).toFixed(1)}` });

const legend = (entries, width, top) => {
  const nodes = [];
  let [x, y] = [8, top];
  for (const { name, kind, mark } of entries) {
    const size = 40 + 7.2 * name.length;
    if (x + size > width && x > 8) [x, y] = [8, y + 20];
    const sample = kind === "right" ? svg("rect", { class: "bar", x, y: y - 9, width: 26, height: 11 }) : svg("path", { class: `curve ${kind}`, d: `M${x} ${y - 4}h26` });
    nodes.push(sample, svg("g", { class: `mark ${kind}` }, MARKS[mark](x + 13, y - 4)), text(x + 32, y, name, "start"));
    x += size + 8;
  }
  return { nodes, bottom: y + 8 };
};

const frame = (width, height, label) => svg("svg", { role: "img", width, height, viewBox: `0 0 ${width} ${height}`, "aria-label": label });

// Rows of AUROC with their intervals. `rows`: [{name, auroc, low, high, why}]
const rowsFigure = (width, rows, label) => {
  const left = Math.min(190, Math.max(160, width * 0.36));
  const low = Math.min(0.4, ...rows.flatMap((r) => [r.low, r.auroc]).filter(isNumber).map((v) => Math.floor(10 * v) / 10));
  const x = (v) => left + ((v - low) / (1 - low)) * (width - left - 14);
  const height = 34 + 25 * rows.length;
  const picture = frame(width, height, label);
  const ticks = [0, 0.25, 0.5, 0.75, 1].filter((v) => v >= low);
  picture.append(
    ...ticks.flatMap((v) => [svg("path", { class: v === 0.5 ? "chance" : "grid", d: `M${x(v)} 6V${height - 26}` }), text(x(v), height - 10, two(v), v === 1 ? "end" : "middle")]),
    ...rows.flatMap((row, i) => {
      const y = 18 + 25 * i;
      const [kind] = kindOf(row.name);
      const name = text(left - 10, y + 4, row.name, "end", kind === "expected" || kind === "spoken" ? "ours" : "");
      if (!isNumber(row.auroc)) return [name, text(x(0.5) + 8, y + 4, row.why.split(":")[0], "start")];
      const span = isNumber(row.low) && svg("path", { class: `whisker ${kind}`, d: `M${x(row.low)} ${y}H${x(row.high)}` });
      const dot = svg("g", { class: `mark ${kind}` }, MARKS[kindOf(row.name)[1]](x(row.auroc), y), svg("title", {}, `${row.name}: ${two(row.auroc)}${between(row, two)}`));
      return [name, span, dot].filter(Boolean);
    })
  );
  return picture;
};

// Lines over named places. `lines`: [{name, values, low, high}], a value null where there is none; `under`: [[head, texts]]
const linesFigure = (width, { places, lines, bars = null, under = [], yName, xName, top = 1, floor, show, withIntervals = () => true, label }) => {
  const [left, right, up] = [54, 14, 12];
  const plot = Math.min(260, Math.max(190, width * 0.55));
  const step = (width - left - right) / places.length;
  const isTight = Math.max(...places.map((place) => 7 * place.length)) > step; // "51–100" then takes two lines
  const named = places.map((place) => (isTight ? place.split(/(?<=–)/) : [place]));
  const first = up + plot + 16 * Math.max(...named.map((parts) => parts.length));
  const below = first + 16 * under.length;
  const entries = [...(bars ? [{ name: bars.name, kind: "right", mark: "none" }] : []), ...lines.map(({ name }) => ({ name, kind: kindOf(name)[0], mark: kindOf(name)[1] }))];
  const { nodes, bottom } = legend(entries, width, below + 44);
  const x = (i) => left + step * (i + 0.5);
  const y = (v) => up + plot - ((v - floor) / (top - floor)) * plot;
  const picture = frame(width, bottom, label);
  const apart = top - floor > 0.6 ? 0.2 : 0.1;
  const ticks = Array.from({ length: Math.floor((top - floor) / apart + 1.001) }, (_, i) => top - i * apart);
  picture.append(
    ...ticks.flatMap((v) => [svg("path", { class: "grid", d: `M${left} ${y(v)}H${width - right}` }), text(left - 6, y(v) + 4, show(v), "end")]),
    svg("text", { transform: `translate(11 ${up + plot / 2}) rotate(-90)`, "text-anchor": "middle" }, yName),
    ...named.flatMap((parts, i) => parts.map((part, k) => text(x(i), up + plot + 16 * (k + 1), part))),
    ...under.flatMap(([head, texts], k) => [head, ...texts].map((t, i) => text(i ? x(i - 1) : left - 6, first + 16 * (k + 1), t, i ? "middle" : "end"))),
    text((left + width - right) / 2, below + 18, xName, "middle", "axis-name"),
    ...(bars ? bars.values.flatMap((b, i) => drawBar(b, x(i), step, y, floor, bars.name, show)) : []),
    ...lines.flatMap((line, k) => drawLine(line, (i) => x(i) + (lines.length === 2 ? (k - 0.5) * 8 : 0), y, places, show, withIntervals(line))),
    ...nodes.filter(Boolean)
  );
  return picture;
};

const drawBar = (b, x, step, y, floor, name, show) => [
  svg("rect", { class: "bar", x: x - step * 0.36, y: y(b.value), width: step * 0.72, height: Math.max(0, y(floor) - y(b.value)) }, svg("title", {}, `${name}: ${show(b.value)}${between(b, show)}, n = ${b.n}`)),
  svg("path", { class: "whisker right", d: `M${x - step * 0.28} ${y(b.low)}V${y(b.high)}` }),
];

const drawLine = ({ name, values, low, high }, x, y, places, show, hasIntervals) => {
  const [kind, mark] = kindOf(name);
  const points = values.map((v, i) => [i, v]).filter(([, v]) => isNumber(v));
  const d = points.map(([i, v], k) => `${k ? "L" : "M"}${x(i).toFixed(1)} ${y(v).toFixed(1)}`).join("");
  return [
    points.length > 1 && svg("path", { class: `curve ${kind}`, d }),
    ...points.map(([i]) => hasIntervals && whisker(x(i), low[i], high[i], y, kind)),
    ...points.map(([i, v]) => svg("g", { class: `mark ${kind}` }, MARKS[mark](x(i), y(v)), svg("title", {}, `${name}, ${places[i]}: ${show(v)}${between({ low: low[i], high: high[i] }, show)}`))),
  ].filter(Boolean);
};

// -- files ------------------------------------------------------------------------------------------

const save = (blob, name) => {
  const link = el("a", { href: URL.createObjectURL(blob), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
};

// A picture that left the page has no style sheet: what it looks like here is written into it.
const LOOKS = ["fill", "fill-opacity", "stroke", "stroke-width", "stroke-dasharray", "stroke-opacity", "stroke-linejoin", "font-family", "font-size", "font-weight"];
const alone = (picture, title) => {
  const copy = picture.cloneNode(true);
  const copies = [copy, ...copy.querySelectorAll("*")];
  [picture, ...picture.querySelectorAll("*")].forEach((node, i) => {
    const looks = getComputedStyle(node);
    LOOKS.forEach((name) => copies[i].style.setProperty(name, looks.getPropertyValue(name)));
  });
  const [width, height, head] = [picture.clientWidth, picture.clientHeight, 36];
  const card = getComputedStyle(picture.closest(".evaluate"));
  const heading = svg("text", { x: 8, y: -12, style: `font: 700 15px sans-serif; fill: ${card.color}` }, title);
  const ground = svg("rect", { x: 0, y: -head, width, height: height + head, style: `fill: ${card.backgroundColor}` });
  copy.prepend(ground, heading);
  Object.entries({ width, height: height + head, viewBox: `0 ${-head} ${width} ${height + head}` }).forEach(([name, v]) => copy.setAttribute(name, v));
  return { copy, width, height: height + head };
};

const savePng = async (picture, title, name) => {
  const { copy, width, height } = alone(picture, title);
  const image = new Image();
  image.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(new XMLSerializer().serializeToString(copy))}`;
  await image.decode();
  const canvas = el("canvas", { width: 2 * width, height: 2 * height });
  const brush = canvas.getContext("2d");
  brush.scale(2, 2);
  brush.drawImage(image, 0, 0, width, height);
  canvas.toBlob((blob) => save(blob, name), "image/png");
};
