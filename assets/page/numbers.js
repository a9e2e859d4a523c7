// What has to be counted while a line is dragged. tests/shared_cases.json, written by Python, is run against this file.

// -- many questions: rows are {c, isRight}, c the confidence in [0, 1] or null, isRight null where it is not judged ---

// The gate: a number that is missing is never trusted.
const isTrusted = (c, threshold) => c !== null && c >= threshold;

// What happens to each question at this threshold; without a number it is looked up.
const countsAt = (rows, threshold) => {
  const counts = { answeredRight: 0, answeredWrong: 0, searchedRight: 0, searchedWrong: 0, answered: 0, unjudged: 0, n: rows.length };
  for (const { c, isRight } of rows) {
    const isAnswered = isTrusted(c, threshold);
    counts.answered += isAnswered;
    if (isRight === null) counts.unjudged += 1;
    else counts[`${isAnswered ? "answered" : "searched"}${isRight ? "Right" : "Wrong"}`] += 1;
  }
  return counts;
};

const costOf = (counts, nSearches) => counts.n - counts.answered + nSearches * counts.answeredWrong;

// The cost from each possible threshold on: 0, half-way between neighbouring confidences, and above them all.
const costsOf = (rows, nSearches) => {
  const numbers = [...new Set(rows.map(({ c }) => c))].filter((c) => c !== null).sort((a, b) => a - b);
  const above = numbers.at(-1) < 1 ? [(numbers.at(-1) + 1) / 2] : []; // nothing lies above 1
  const ends = [0, ...numbers.slice(1).map((c, i) => (numbers[i] + c) / 2), ...above];
  return ends.map((at, i) => ({ at, from: i > 0 ? numbers[i - 1] : 0, cost: costOf(countsAt(rows, at), nSearches) }));
};

const cheapest = (costs) => costs.reduce((best, one) => (one.cost <= best.cost ? one : best)); // of equals the highest

// -- distilling: points are {right, confidence, left_out, is_dev, number}, limits the two thresholds in [0, 1] --------

const isKept = (point, limits) => {
  if (point.left_out) return false;
  return point.right ? point.confidence >= limits.right : limits.wrong >= 1 || point.confidence < limits.wrong; // 1 keeps all
};

const quadrantsOf = (points, limits) => {
  const n = { knows: 0, doubts: 0, lucky: 0, mistaken: 0 };
  for (const p of points) if (!p.left_out) n[p.right ? (isKept(p, limits) ? "knows" : "lucky") : isKept(p, limits) ? "doubts" : "mistaken"] += 1;
  return n;
};

// How many different numbers are taught, their entropy in bits, and the commonest with its count.
const varietyOf = (taught) => {
  const numbers = new Map();
  for (const { number } of taught) numbers.set(number, (numbers.get(number) || 0) + 1);
  const bits = [...numbers.values()].reduce((total, count) => total + (count / taught.length) * Math.log2(taught.length / count), 0);
  const [common, count] = [...numbers].reduce((a, b) => (b[1] > a[1] ? b : a));
  return { n: numbers.size, bits, common, count };
};
