// The answer card: what the model said, how sure it says it is, and what the threshold makes of it.
// The slider decides again here, in the browser, from the confidence and answers the card already holds.

let value = props.value;
let usual = value.threshold; // the adapter's own
let threshold = window.uaitAddress?.of("ask").t ?? usual; // from then on the slider is the truth
let saying = 0; // the timer of what screen readers hear

// -- parts that stay, so that the slider keeps its focus and the bar can move smoothly (answer.html) ------

const { card, asked, words, decision, actions, number, numberNote, bar, track, mark, more, heard } = named;
const range = slider({ id: "threshold", min: 0, max: 100, step: 0.1, value: 100 * threshold }, (percents) => setThreshold(percents));
track.append(range);
const setThreshold = (percents) => {
  threshold = Math.min(1000, Math.max(0, Math.round(10 * percents))) / 1000;
  range.value = 100 * threshold;
  draw();
  clearTimeout(saying);
  saying = setTimeout(announce, 300);
};

// -- what the threshold makes of the reply ------------------------------------------------------------

// As many decimals as it takes to tell the two apart: never "70 % is below 70 %".
const digits = () => {
  const { confidence } = value;
  const isAlike = (n) => confidence !== threshold && percent(confidence, n) === percent(threshold, n);
  let n = 1;
  while (isAlike(n) && n < 9) n += 1;
  return n;
};

const verdict = () => {
  const { confidence, unsure, is_familiar, is_done, final } = value;
  const [isEnough, other] = [isTrusted(confidence, threshold), is_familiar ? "" : ", but the question looks unlike those I was measured on"];
  const isSure = isEnough && is_familiar;
  const compared = confidence === null ? "The model stated no confidence" : `${percent(confidence, digits())} is ${isEnough ? `at least ${percent(threshold, digits())}${other}` : `below ${percent(threshold, digits())}`}`;
  if (isSure) return { kind: "sure", text: `${compared}: answered${is_done ? unsure.without : ""}.` };
  if (!is_done) return { kind: "unsure", text: `${compared}: ${unsure.would}.`, button: unsure.button, isUnknown: !unsure.button };
  if (!final) return { kind: "unsure", text: `${compared}: ${unsure.did}, but ${value.failed}.`, isUnknown: !value.stays };
  return { kind: "unsure", text: `${compared}: ${unsure.did}${value.is_same ? ", and it holds" : ""}.`, isRead: true };
};

// -- drawing -------------------------------------------------------------------------------------------

const drawWords = (isRead, isUnknown) => {
  const first = value.first.text;
  const withdrawn = el("p", { class: "was", dir: "auto" }, el("span", { class: "sr-only" }, "First answer, withdrawn: "), el("del", { translate: "no" }, first));
  if (isUnknown) return [withdrawn, el("p", { class: "big" }, "I don’t know.")];
  if (!isRead) return [el("p", { class: "big", dir: "auto", translate: "no" }, first)];
  const now = el("p", { class: "big", dir: "auto", translate: "no" }, value.final.text, value.final.cite && el("sup", { class: "cite" }, `[${value.final.cite}]`));
  const { sure, by, cost } = value.final;
  const about = el("p", { class: "second" }, by && el("b", { translate: "no" }, by), el("span", {}, sure), cost && el("span", {}, cost));
  return value.is_same ? [now, about] : [withdrawn, el("p", { class: "sr-only" }, by ? "Another model’s answer:" : "After reading:"), now, about];
};

const drawSource = ({ number, title, text, url, source }) => el("li", { value: number },
  url ? el("a", { href: url, target: "_blank", rel: "noopener noreferrer nofollow", class: "title", dir: "auto", translate: "no" }, title) : el("span", { class: "title", dir: "auto", translate: "no" }, title),
  el("span", { class: "from" }, source),
  el("p", { dir: "auto", translate: "no" }, text),
  url && el("span", { class: "url", translate: "no" }, url));

const drawExact = (label, answer) => [
  el("dt", {}, `${label}: sent to ${answer.model}`),
  el("dd", {}, el("pre", { dir: "auto", translate: "no" }, answer.prompt)),
  el("dt", {}, `${label}: what came back`),
  el("dd", {}, el("pre", { dir: "auto", translate: "no" }, answer.said)),
];

const drawMore = (isRead, isSure) => [
  !isSure && value.sources.length > 0 && el("div", { class: "sources" }, el("h3", {}, "Read before answering again"), el("ol", {}, value.sources.map(drawSource))),
  [...value.read_as, ...(!isSure && value.is_done ? value.notes : [])].map((note) => el("p", { class: "note", dir: "auto" }, note)),
  el("p", { class: "facts" }, [
    value.seen && `This fact: ${value.seen}.`,
    `${value.first.spoken === null ? "Answer" : "Answer and number"}, without sampling: ${seconds(value.first.seconds)}.`,
  ].filter(Boolean).join(" ")),
  el("details", { class: "exact" },
    el("summary", {}, "Word for word: what was sent, what came back"),
    el("dl", {}, drawExact("First answer", value.first), isRead && value.final.prompt && drawExact("After reading", value.final))),
];

const showNumber = (figure) => number.replaceChildren(figure, el("small", {}, "%"));

const drawNumber = () => {
  const { spoken, expected } = value.first;
  if (spoken === null) number.textContent = "no number";
  else showNumber(percent(spoken).replace(/\s%/, ""));
  numberNote.replaceChildren(
    el("span", { class: "says" }, spoken === null ? "the model did not say how sure it is" : "sure, the model says"),
    expected === null ? "" : el("span", { class: "expected" }, el("b", {}, `Expected: ${percent(expected)}`), ", the mean of all the numbers it might have said, weighted by how likely each was."));
};

const drawDone = () => {
  const { kind, text, button, isRead, isUnknown } = verdict();
  card.dataset.verdict = kind;
  words.replaceChildren(...drawWords(isRead, isUnknown));
  decision.replaceChildren(el("span", { class: "sign", "aria-hidden": "true" }, kind === "sure" ? "✓" : "↻"), text);
  const press = (kind, event, text) => el("button", { type: "button", class: kind, onclick: () => trigger(event) }, text);
  redrawn(actions, button && press("primary", "lookup", button), press("secondary", "why", "Why?"));
  redrawn(more, drawMore(isRead, kind === "sure").flat());
  drawNumber();
};

const blank = () => {
  for (const part of [words, decision, actions, number, numberNote, more]) part.replaceChildren();
  delete card.dataset.verdict;
};

const drawEmpty = () => {
  blank();
  words.append(root.querySelector("template").content.cloneNode(true));
  showNumber("?");
  numberNote.replaceChildren(el("span", { class: "says" }, "sure: ask, and the model fills the bar"));
};

const drawWorking = () => {
  blank();
  words.replaceChildren(el("p", { class: "big live", dir: "auto", translate: "no" }, value.text || "", el("span", { class: "caret" })));
  decision.replaceChildren(value.note || (value.text ? "Answering …" : "Thinking …"));
  number.textContent = "…";
};

const drawError = () => {
  blank();
  words.replaceChildren(el("p", { class: "failed", role: "alert", dir: "auto" }, value.message));
  number.textContent = "–";
  numberNote.replaceChildren(el("span", { class: "says" }, "no answer, so nothing to be sure of"));
};

const draw = () => {
  const state = value.state;
  root.dataset.state = state;
  root.setAttribute("aria-busy", state === "working"); // page.css holds the buttons meanwhile
  root.dataset.question = value.question || "";
  root.dataset.threshold = threshold;
  asked.textContent = state === "empty" ? "" : value.question;
  mark.textContent = percent(threshold);
  range.setAttribute("aria-valuetext", percent(threshold));
  bar.style.setProperty("--threshold", 100 * threshold);
  bar.style.setProperty("--confidence", state === "done" ? 100 * value.confidence : 0);
  ({ empty: drawEmpty, working: drawWorking, error: drawError, done: drawDone })[state]();
  window.uaitAddress?.keep("ask", { ...(["working", "done"].includes(state) && { q: value.question }), t: threshold === usual ? undefined : threshold });
};

// Screen readers hear the finished answer once, not every token of it, and what became of it once the slider rests.
const announce = () => {
  const { text, isRead, isUnknown } = value.state === "done" ? verdict() : {};
  const said = () => (isUnknown ? "I don’t know." : isRead ? value.final.text : value.first.text).replace(/\.$/, "");
  heard.textContent = text ? `${said()}. ${text}` : "";
};

watch("value", () => {
  const wasWorking = value.state === "working";
  value = props.value;
  if (value.state === "empty") {
    usual = value.threshold; // another adapter was chosen
    setThreshold(100 * usual);
  }
  if (value.state === "working" && !wasWorking) root.scrollIntoView({ block: "nearest" });
  draw();
  announce();
});
draw();
