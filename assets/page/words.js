// The page in English or Chinese. The English text on the page is the key; the file at CATALOGUE has its Chinese.
// Text from Gradio, Python and the drawn components ends as text nodes and labels: these are translated in their place.
//
// A key may have holes: {n} (n1, n2 ...) takes a number with its unit, {w} (w1 ...) takes words that are looked up
// themselves, any other name takes data as it is. What is not in the catalogue stays English. REWORDED is a small catalogue
// of the same kind, from Gradio's English to ours.
(() => {
  const CHINESE = "zh-CN";
  const DATA = '[translate="no"], .notranslate, script, style, code, [contenteditable="true"]';
  const LABELS = ["aria-label", "aria-valuetext", "data-name", "placeholder", "title"]; // data-name: shown by a style
  const MOST_REMEMBERED = 20000; // numbers that change while a line is dragged make ever new texts

  // -- one text -> its translation, or null --------------------------------------------------------------

  const HOLE = /\{([a-z]+)(\d*)\}/g;
  const NUMBER = "[+−-]?\\d(?:[\\d.,]*\\d)?(?:e[+-]?\\d+)?(?:[ \\u00a0](?:%|s))?";
  const escaped = (text) => text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&").replaceAll(" ", "[ \\u00a0]");

  const compiled = ([english, chinese]) => {
    const fixed = english.split(/\{[a-z]+\d*\}/);
    const holes = [...english.matchAll(HOLE)].map(([, kind, number]) => ({ kind, name: kind + number }));
    const source = holes.map(({ kind }, i) => `(${kind === "n" ? NUMBER : ".+?"})${escaped(fixed[i + 1])}`).join("");
    return { holes, chinese, first: fixed[0], last: fixed.at(-1), size: fixed.join("").length, pattern: new RegExp(`^${escaped(fixed[0])}${source}$`, "s") };
  };

  const reworded = Object.entries(REWORDED).map(compiled);
  let [exact, patterns, english, learning] = [new Map(), [], new Map(), null];
  const learn = (words) => {
    exact = new Map(Object.entries(words));
    patterns = [...exact].filter(([key]) => key.search(HOLE) >= 0).map(compiled).sort((a, b) => b.size - a.size);
    // Gradio speaks the browser's language, whatever the switch says; on a Chinese browser English is the translation.
    english = new Map([...exact].map(([key, value]) => [value, key]));
  };
  // Larger than all our scripts together, so that only who needs it waits for it. Without it the page stays English.
  const learned = () => (learning ??= fetch(CATALOGUE).then((reply) => reply.json()).then(learn, () => (learning = null)));

  const filled = (core, known = patterns) => {
    for (const { holes, chinese, first, last, pattern } of known) {
      const found = core.startsWith(first) && core.endsWith(last) && core.match(pattern);
      if (!found) continue;
      const values = Object.fromEntries(holes.map(({ kind, name }, i) => [name, kind === "w" ? inChinese(found[i + 1]) : found[i + 1]]));
      if (!Object.values(values).includes(null)) return chinese.replace(HOLE, (_, kind, number) => values[kind + number]);
    }
    return null;
  };

  // Several sentences, or a list: translated only when every part is.
  const JOINTS = [[" · ", " · "], [/(?<=[.!?…]) +(?=\S)/, ""], ["; ", "；"], [", ", "，"]];
  const joined = (core) => {
    for (const [between, joint] of JOINTS) {
      const parts = core.split(between);
      const translated = parts.length > 1 ? parts.map(inChinese) : [null];
      if (!translated.includes(null)) return translated.join(joint);
    }
    return null;
  };

  const ENDS = { ".": "。", ":": "：" };
  const inChinese = (core) => {
    if (exact.has(core)) return exact.get(core);
    if (!/[A-Za-z]/.test(core)) return core;
    const whole = joined(core) ?? filled(core);
    const end = ENDS[core.at(-1)];
    const rest = whole === null && end && inChinese(core.slice(0, -1));
    return rest ? rest + end : whole;
  };

  const remembered = new Map();
  const translated = (text) => {
    if (!remembered.has(text)) {
      if (remembered.size > MOST_REMEMBERED) remembered.clear();
      const [, before, core, after] = text.match(/^(\s*)(.*?)(\s*)$/s);
      const plain = core.replace(/[ \t\n]+/g, " ");
      const found = core && (language === CHINESE ? inChinese(plain) : english.get(plain) ?? filled(plain, reworded));
      remembered.set(text, found ? before + found + after : text);
    }
    return remembered.get(text);
  };

  // -- where the text stands -----------------------------------------------------------------------------

  const kept = new WeakMap(); // text node or element -> by place: { source, shown }

  const turn = (node, place, now, write) => {
    const places = kept.get(node) || {};
    if (now === null || now === places[place]?.shown) return; // our own change, seen again
    const shown = translated(now);
    if (shown === now) return void delete places[place];
    places[place] = { source: now, shown };
    kept.set(node, places);
    write(shown);
  };

  const turnBack = (node, place, now, write) => {
    const was = kept.get(node)?.[place];
    if (was && now === was.shown) write(was.source);
  };

  const atText = (node, how) => node.parentElement?.localName !== "textarea" && how(node, "text", node.nodeValue, (text) => (node.nodeValue = text));
  const atLabels = (node, how) => LABELS.forEach((name) => how(node, name, node.getAttribute(name), (text) => node.setAttribute(name, text)));

  const MENU = "input[readonly]"; // shows the chosen entry; one to type into holds the visitor's own words
  const atMenu = (node, how) => node.matches(MENU) && how(node, "value", node.value, (text) => (node.value = text));
  const atElement = (node, how) => (atLabels(node, how), atMenu(node, how));

  const walk = (root, how) => {
    if ((root.nodeType === Node.TEXT_NODE ? root.parentElement : root)?.closest?.(DATA) !== null) return;
    if (root.nodeType === Node.TEXT_NODE) return atText(root, how);
    const allowed = (node) => (node.nodeType === Node.ELEMENT_NODE && node.matches(DATA) ? NodeFilter.FILTER_REJECT : NodeFilter.FILTER_ACCEPT);
    const walker = document.createTreeWalker(root, NodeFilter.SHOW_ELEMENT | NodeFilter.SHOW_TEXT, allowed);
    for (let node = root; node; node = walker.nextNode()) (node.nodeType === Node.TEXT_NODE ? atText : atElement)(node, how);
  };

  const observer = new MutationObserver((records) => {
    for (const { type, target, addedNodes } of records) {
      if (type === "childList") addedNodes.forEach((node) => node.isConnected && walk(node, turn));
      else if (!(target.parentElement && type === "characterData" ? target.parentElement : target).closest?.(DATA)) (type === "characterData" ? atText : atLabels)(target, turn);
    }
    document.querySelectorAll(MENU).forEach((menu) => menu.closest(DATA) || atMenu(menu, turn)); // a new value is no mutation
  });

  // -- which language ------------------------------------------------------------------------------------

  const store = (name) => {
    try {
      if (name) localStorage.setItem("language", name);
      return localStorage.getItem("language");
    } catch {
      return null; // a frame of another site may keep nothing
    }
  };
  const known = (name) => (/^zh\b/i.test(name || "") ? CHINESE : /^en\b/i.test(name || "") ? "en" : null);
  const address = () => new URL(location.href);
  let language = known(address().searchParams.get("lang")) || known(store()) || known(navigator.language) || "en";

  const apply = async () => {
    if ([language, known(navigator.language)].includes(CHINESE)) await learned();
    observer.disconnect();
    remembered.clear();
    walk(document.documentElement, turnBack);
    document.documentElement.lang = language;
    for (const button of choice.children) button.setAttribute("aria-pressed", button.lang === language);
    walk(document.documentElement, turn);
    observer.observe(document.documentElement, { subtree: true, childList: true, characterData: true, attributes: true, attributeFilter: LABELS });
  };

  const choose = (name) => {
    language = name;
    store(name);
    const url = address();
    url.searchParams.set("lang", name === CHINESE ? "zh" : "en");
    history.replaceState(history.state, "", url);
    apply();
  };

  const choice = document.createElement("div");
  const attributes = { id: "language", role: "region", "aria-label": "Language · 语言", translate: "no" };
  for (const [name, text] of Object.entries(attributes)) choice.setAttribute(name, text);
  for (const [lang, textContent] of [["en", "English"], [CHINESE, "中文"]])
    choice.append(Object.assign(document.createElement("button"), { type: "button", lang, textContent, onclick: () => choose(lang) }));
  document.body.prepend(choice);
  apply();
})();
