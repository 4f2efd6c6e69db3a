// The island of keys and the command palette.
"use strict";
(() => {
  const places = { d: "/", c: "/", n: "/nodes", j: "/jobs", a: "/audit" };
  const palette = document.getElementById("palette");
  const help = document.getElementById("keys");
  const typing = (element) => element.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(element.tagName) && element.type !== "checkbox";
  let leader = 0; // when g was pressed

  const commands = {
    refresh: () => htmx.ajax("POST", "/refresh", { swap: "none" }),
    "theme-light": () => document.querySelector('[data-theme-choice="light"]').click(),
    "theme-dark": () => document.querySelector('[data-theme-choice="dark"]').click(),
    keys: () => help.showModal(),
  };

  document.addEventListener("keydown", (event) => {
    if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "k" && palette) {
      event.preventDefault();
      return openPalette();
    }
    if (event.ctrlKey || event.metaKey || event.altKey || typing(event.target) || document.querySelector("dialog[open], [popover]:popover-open")) return;
    if (press(event.key, event)) event.preventDefault();
  });
  // press does what a key means and tells whether it means anything.
  const press = (key, event) => {
    if (Date.now() - leader < 1000 && places[key]) {
      location.assign(places[key]);
      return true;
    }
    leader = 0;
    if (key === "g") leader = Date.now();
    if (key === "?" && help) return help.showModal(), true;
    const create = document.querySelector("[data-new-container]");
    if (key === "+" && create) return create.click(), true;
    const field = document.getElementById("q");
    if (key === "/" && field) return field.focus(), field.select(), true;
    const message = new CustomEvent("berth:key", { detail: { key, used: false } });
    document.dispatchEvent(message);
    if (message.detail.used) return true;
    if (field && key.length === 1 && /\p{L}|\p{N}/u.test(key) && key !== "g" && event.target === document.body) {
      field.focus(); // typing anywhere searches: the key itself goes into the field
      field.setSelectionRange(field.value.length, field.value.length);
    }
    return false;
  };

  // --- the palette
  if (!palette) return;
  const input = palette.querySelector("input");
  const results = palette.querySelector("[role=listbox]");
  const options = () => [...results.querySelectorAll("[role=option]:not([aria-disabled])")];
  let at = 0;
  let asked = 0;
  let found = ""; // as HTML
  const highlight = (to) => {
    const all = options();
    if (all.length === 0) return input.removeAttribute("aria-activedescendant");
    at = (to + all.length) % all.length;
    all.forEach((option, i) => option.setAttribute("aria-selected", String(i === at)));
    input.setAttribute("aria-activedescendant", all[at].id);
    all[at].scrollIntoView({ block: "nearest" });
  };
  const find = async () => {
    const mine = ++asked;
    try {
      const response = await fetch(`/palette?q=${encodeURIComponent(input.value)}`, { headers: { "HX-Request": "true" } });
      const html = await response.text();
      if (!response.ok || mine !== asked || html === found) return; // the same again leaves the highlight where it is
      results.innerHTML = found = html;
    } catch {
      return; // what was found before stays
    }
    highlight(0);
  };
  const openPalette = () => {
    input.value = found = "";
    palette.showModal();
    find();
  };
  input.addEventListener("input", find);
  palette.addEventListener("keydown", (event) => {
    if (event.key === "ArrowDown") highlight(at + 1);
    else if (event.key === "ArrowUp") highlight(at - 1);
    else if (event.key === "Enter") options()[at]?.click();
    else return;
    event.preventDefault();
  });
  palette.addEventListener("click", (event) => {
    const command = event.target.closest("[data-command]");
    if (command || event.target === palette || event.target.closest("a")) palette.close();
    if (command?.dataset.command.startsWith("sheet:")) document.dispatchEvent(new CustomEvent("berth:sheet", { detail: command.dataset.command.slice(6) }));
    else if (command) commands[command.dataset.command]?.();
  });
  document.addEventListener("click", (event) => event.target.closest("[data-open-palette]") && openPalette());
})();
