// A vote in the room: hands that the lecturer counts, and what the phones say, as one number per option.

const { options } = props.value;
const hands = options.map(() => 0);
const sums = options.map(() => el("b", {}, "0"));
const sum = () => sums.forEach((node, i) => (node.textContent = hands[i] + (props.value?.phones[i] ?? 0)));
const button = (i, by, sign, label) => el("button", { type: "button", "aria-label": label, onclick: () => ((hands[i] = Math.max(0, hands[i] + by)), sum()) }, sign);
const option = ({ text, is_data: isData }, i) => el("li", {}, el("span", isData ? { dir: "auto", translate: "no" } : {}, text), button(i, -1, "−", "one hand fewer"), sums[i], button(i, 1, "+", "one hand more"));
const below = el("div", { class: "vote-phones" });

const draw = () => {
  const { is_offered: isOffered, address, about } = props.value ?? {};
  sum();
  below.replaceChildren(...[
    isOffered && !about && el("button", { type: "button", class: "learn-link", onclick: () => trigger("phones") }, "Let phones vote, too"),
    about && el("p", {}, about, el("b", { translate: "no" }, address))].filter(Boolean));
};

root.className = "vote";
root.replaceChildren(el("ol", {}, options.map(option)), below);
watch("value", draw);
draw();
