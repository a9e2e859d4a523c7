// How a job stands: one sentence, a bar, the time left, and after a failure what the log said last.

let value = props.value;

const title = el("p", { class: "job-title", role: "status" });
const bar = el("progress", { class: "job-bar", max: 1, "aria-label": "Progress" });
const facts = el("p", { class: "job-facts" });
const more = el("div", { class: "job-more" });
root.className = "runs job";
root.replaceChildren(title, bar, facts, more);

// Screen readers hear a change of state, not every second that passes.
const say = (node, text) => node.said !== text && (node.textContent = node.said = text);

const draw = () => {
  root.dataset.state = value.state;
  root.hidden = value.state === "none" && !value.title;
  say(title, value.title || "");
  say(facts, value.facts || "");
  const isOpen = ["running", "queued", "stopping"].includes(value.state);
  bar.hidden = value.state === "none" || value.state === "queued";
  bar.value = value.total ? value.done / value.total : 0;
  if (!value.total && isOpen) bar.removeAttribute("value"); // it comes and goes
  redrawn(
    more,
    value.note && el("p", { class: value.state === "failed" ? "job-failure" : "job-note", dir: "auto" }, value.note),
    value.next && el("p", { class: "job-next" }, value.next),
    value.log?.length && el("details", {}, el("summary", {}, "The last lines of the log"), el("pre", { dir: "auto", translate: "no" }, value.log.join("\n")))
  );
};

watch("value", () => draw((value = props.value)));
draw();
