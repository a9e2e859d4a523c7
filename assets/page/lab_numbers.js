// The lab's arithmetic, the same as uait/metrics.py's: rows are {c, isRight}, c the confidence in [0, 1] or null.

// The runs of equal confidences, lowest first, with how many are right and wrong. `rows` are judged and have a number.
const groupsOf = (rows) => {
  const groups = [];
  for (const { c, isRight } of [...rows].sort((a, b) => a.c - b.c)) {
    if (groups.length === 0 || groups.at(-1).c !== c) groups.push({ c, right: 0, wrong: 0 });
    groups.at(-1)[isRight ? "right" : "wrong"] += 1;
  }
  return groups;
};

const sum = (items, of) => items.reduce((total, item) => total + of(item), 0);

const aurocOf = (groups) => {
  const total = sum(groups, (g) => g.right) * sum(groups, (g) => g.wrong);
  let below = 0;
  let area = 0;
  for (const { right, wrong } of groups) {
    area += right * (below + wrong / 2);
    below += wrong;
  }
  return total === 0 ? null : area / total;
};

const reliabilityOf = (rows, nBins) => {
  const bins = new Map();
  for (const { c, isRight } of rows) {
    const b = Math.min(Math.floor(c * nBins), nBins - 1);
    const bin = bins.get(b) || { b, count: 0, confidence: 0, right: 0 };
    bins.set(b, { b, count: bin.count + 1, confidence: bin.confidence + c, right: bin.right + isRight });
  }
  return [...bins.values()]
    .sort((one, other) => one.b - other.b)
    .map(({ b, count, confidence, right }) => ({ b, count, mean: confidence / count, accuracy: right / count }));
};

const eceOf = (bins) => {
  const total = sum(bins, (bin) => bin.count);
  return total === 0 ? null : sum(bins, (bin) => bin.count * Math.abs(bin.accuracy - bin.mean)) / total;
};

// Surest first: [coverage, risk] after each question, equals sharing their errors; and the area under it.
const riskCoverageOf = (groups) => {
  const total = sum(groups, (g) => g.right + g.wrong);
  const points = [];
  let errors = 0;
  for (const { right, wrong } of [...groups].reverse()) {
    for (let i = 0; i < right + wrong; i += 1) {
      errors += wrong / (right + wrong);
      points.push([(points.length + 1) / total, errors / (points.length + 1)]);
    }
  }
  return { points, area: total === 0 ? null : sum(points, (p) => p[1]) / total };
};

// What happens to each judged question at this threshold; without a number it is looked up.
const countsAt = (rows, threshold) => {
  const counts = { answeredRight: 0, answeredWrong: 0, searchedRight: 0, searchedWrong: 0, answered: 0, unjudged: 0, n: rows.length };
  for (const { c, isRight } of rows) {
    const isAnswered = c !== null && c >= threshold;
    counts.answered += isAnswered;
    if (isRight === null) counts.unjudged += 1;
    else counts[`${isAnswered ? "answered" : "searched"}${isRight ? "Right" : "Wrong"}`] += 1;
  }
  return counts;
};

const costOf = (counts, nSearches) => counts.n - counts.answered + nSearches * counts.answeredWrong;

// The cost from each possible threshold on: 0, half-way between neighbouring confidences, and above them all.
const costsOf = (rows, groups, nSearches) => {
  const total = { answered: sum(groups, (g) => g.right + g.wrong), answeredWrong: sum(groups, (g) => g.wrong), n: rows.length };
  return [...groups, null].flatMap((group, i) => {
    const below = groups[i - 1];
    if (below) {
      total.answered -= below.right + below.wrong;
      total.answeredWrong -= below.wrong;
    }
    if (group === null && below?.c === 1) return []; // nothing lies above 1
    const at = below ? (below.c + (group ? group.c : 1)) / 2 : 0;
    return [{ at, from: below ? below.c : 0, cost: costOf(total, nSearches) }];
  });
};

const cheapest = (costs) => costs.reduce((best, one) => (one.cost <= best.cost ? one : best)); // of equals the highest
