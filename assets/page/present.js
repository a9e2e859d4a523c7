// ?present=1: the page for a projector. Looks are in learn.css; a presenter's clicker (Page Up, Page Down) turns steps.

if (new URLSearchParams(window.location.search).get("present") === "1") {
  document.documentElement.classList.add("present");
  window.addEventListener("keydown", (event) => {
    const button = { PageDown: ".learn-next", PageUp: ".learn-back" }[event.key];
    const shown = button && [...document.querySelectorAll(button)].find((node) => node.checkVisibility());
    if (!shown) return;
    event.preventDefault();
    shown.click();
    window.scrollTo({ top: 0 });
  });
}
