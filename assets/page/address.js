// The address bar carries what is worth sharing: the tab, the question asked in it and its threshold.
// Read once, when the page opens, and kept up to date from then on. Whatever else stands there stays.

window.uaitAddress = (() => {
  const LONGEST = 500; // characters of a question: longer addresses break on their way
  const given = new URLSearchParams(window.location.search);
  const isThreshold = /^(0?\.\d+|0|1(\.0+)?)$/.test(given.get("t") ?? "");
  const question = (given.get("q") ?? "").trim().slice(0, LONGEST);
  const NAMES = ["q", "t", "step", "method", "beside", "split"];
  const step = /^[1-8]$/.test(given.get("step") ?? "") ? Number(given.get("step")) : undefined;
  const kept = new Map([["learn", { step }]]); // per tab, by NAMES: what is shown in it
  let [shown, names] = [given.get("tab") || (step ? "learn" : "ask"), []]; // the page's tabs; none until it is open
  kept.set(shown, { ...Object.fromEntries(given), step: undefined, ...kept.get(shown), q: question || undefined, t: isThreshold ? Number(given.get("t")) : undefined });

  const write = () => {
    if (names.length === 0) return; // what was asked for has not been read yet
    const address = new URL(window.location.href);
    for (const name of [...NAMES, "tab"]) {
      const value = name === "tab" ? shown : kept.get(shown)?.[name];
      if (value === undefined || value.length > LONGEST) address.searchParams.delete(name);
      else address.searchParams.set(name, value);
    }
    window.history.replaceState(window.history.state, "", address);
  };

  // Presses a button as soon as it is there: those of a tab are made when it is first opened.
  const press = (selector, triesLeft = 300) => {
    const button = document.querySelector(selector);
    if (button && !button.disabled) button.click();
    else if (triesLeft > 0) window.requestAnimationFrame(() => press(selector, triesLeft - 1));
  };

  return {
    press,
    of: (tab) => kept.get(tab) ?? {},
    keep: (tab, values) => {
      kept.set(tab, { ...kept.get(tab), ...values });
      if (tab === shown) write();
    },
    // The event comes late, even after the next tab was opened: the tab list says what is shown now, and looks at jobs, soon.
    show: (tab, looking, every) => {
      const selected = document.querySelector("[role='tab'][aria-selected='true']")?.dataset.tabId;
      if (names.length > 0) shown = names.includes(selected) ? selected : tab;
      write();
      return looking.map((name) => ({ __type__: "update", active: name === shown, value: every }));
    },
    // For the page, once: the tab, the questions of Ask and Compare, and Learn's step. A tab that is none is ignored.
    open: (tabs) => {
      names = tabs;
      if (!names.includes(shown)) shown = "ask";
      write();
      const changed = (props) => ({ __type__: "update", ...props }); // without props: as it is, somebody may be typing
      const asked = (tab) => (tab === shown && kept.get(tab)?.q ? { value: kept.get(tab).q } : {});
      return [changed(shown === "ask" ? {} : { selected: shown }), changed(asked("ask")), changed(asked("compare")), changed(step ? { selected: step } : {})];
    },
    ask: () => kept.get(shown)?.q && press(`#${shown}-button`),
  };
})();
