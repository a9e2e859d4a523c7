// A component that consists of parts made in Python: headings, sentences, tables, figures. Where one scrolled it stays.

const draw = () => {
  const { kind = "", state = "", parts = [] } = props.value || {};
  const top = root.querySelector(".rows")?.scrollTop || 0;
  root.className = kind;
  root.dataset.state = state;
  root.hidden = !parts.length;
  root.replaceChildren(...drawParts(parts));
  if (top) root.querySelector(".rows")?.scrollTo({ top });
};

watch("value", draw);
draw();
