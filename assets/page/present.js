// ?present=1: the page for a projector; its looks are in learn.css. A presenter's clicker (Page Down, Page Up), or a click
// on the figure, plays what a step still hides, the smallest data-build first, and then goes on to the next step.

if (new URLSearchParams(window.location.search).get("present") === "1") {
  document.documentElement.classList.add("present");
  const shown = (selector) => [...document.querySelectorAll(selector)].find((node) => node.checkVisibility());
  const turn = (isForward) => {
    const parts = [...(shown(".learn-figure")?.closest(".learn").querySelectorAll("[data-build]") ?? [])].filter((node) => node.classList.contains("built") !== isForward);
    const at = (isForward ? Math.min : Math.max)(...parts.map((node) => node.dataset.build));
    parts.filter((node) => Number(node.dataset.build) === at).forEach((node) => node.classList.toggle("built"));
    const dots = [...document.querySelectorAll("#lesson > .tab-wrapper [role='tab']")];
    if (parts.length === 0) dots[dots.findIndex((dot) => dot.ariaSelected === "true") + (isForward ? 1 : -1)]?.click();
  };
  window.addEventListener("keydown", (event) => {
    if (!["PageDown", "PageUp"].includes(event.key) || !shown(".learn-figure")) return;
    event.preventDefault();
    turn(event.key === "PageDown");
  });
  window.addEventListener("click", ({ target }) => target.closest?.(".learn-figure") && turn(true));
}
