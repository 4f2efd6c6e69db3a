// The island of the search field: completion while typing, and the address in step with it.
"use strict";
(() => {
  const input = document.getElementById("q");
  const box = document.getElementById("completions");
  if (!input || !box) return;
  const encoder = new TextEncoder();
  const decoder = new TextDecoder();
  const options = () => [...box.querySelectorAll("[role=option]")];
  let at = -1;
  let asked = 0;
  let text = ""; // what the completions are for
  let timer;

  const close = () => {
    clearTimeout(timer);
    asked++; // what is still under way opens nothing again
    box.hidden = true;
    at = -1;
    input.setAttribute("aria-expanded", "false");
    input.removeAttribute("aria-activedescendant");
  };
  const highlight = (to) => {
    const all = options();
    at = all.length ? (to + all.length) % all.length : -1;
    all.forEach((option, i) => option.setAttribute("aria-selected", String(i === at)));
    if (at >= 0) {
      input.setAttribute("aria-activedescendant", all[at].id);
      all[at].scrollIntoView({ block: "nearest" });
    }
  };
  const complete = async () => {
    const mine = ++asked;
    const cursor = encoder.encode(input.value.slice(0, input.selectionStart)).length;
    const url = `/complete?q=${encodeURIComponent(input.value)}&at=${cursor}`;
    try {
      const response = await fetch(url, { headers: { "HX-Request": "true" } });
      const html = await response.text();
      if (!response.ok || mine !== asked || document.activeElement !== input) return;
      const chosen = options()[at]?.dataset.text;
      box.innerHTML = html;
      at = options().findIndex((option) => option.dataset.text === chosen); // late answers take nothing back
    } catch {
      return; // typing goes on without completions
    }
    text = input.value;
    const any = options().length > 0;
    box.hidden = !any;
    if (at >= 0) highlight(at);
    else input.removeAttribute("aria-activedescendant");
    input.setAttribute("aria-expanded", String(any));
  };
  const take = (option) => {
    const bytes = encoder.encode(text);
    const head = decoder.decode(bytes.slice(0, Number(option.dataset.from))) + option.dataset.text;
    input.value = head + decoder.decode(bytes.slice(Number(option.dataset.to)));
    input.setSelectionRange(head.length, head.length);
    input.dispatchEvent(new Event("input", { bubbles: true }));
    if (!/[:,<>=]$/.test(head)) close();
  };

  input.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(complete, 60);
  });
  input.addEventListener("keydown", (event) => {
    if (event.key === "Escape") {
      if (!box.hidden) close();
      else input.blur();
      event.preventDefault();
      return;
    }
    if (box.hidden) {
      if (event.key === "ArrowDown") { // from the field into the list
        input.blur();
        document.dispatchEvent(new CustomEvent("berth:key", { detail: { key: "j" } }));
        event.preventDefault();
      }
      return;
    }
    if (event.key === "ArrowDown") highlight(at + 1);
    else if (event.key === "ArrowUp") highlight(at - 1);
    else if ((event.key === "Enter" || event.key === "Tab") && at >= 0) take(options()[at]);
    else return;
    event.preventDefault();
  });
  box.addEventListener("mousedown", (event) => {
    const option = event.target.closest("[role=option]");
    if (option) take(option);
    event.preventDefault(); // the field keeps the focus
  });
  input.addEventListener("blur", close);

  // What is saved as a view is what is shown now.
  document.addEventListener("htmx:after:swap", () => {
    for (const field of document.querySelectorAll("[data-current-view] [name=params], [data-current-view] [data-params]")) {
      field.value = location.search.slice(1);
    }
    const problem = document.getElementById("query-problem")?.textContent.trim();
    input.setAttribute("aria-invalid", String(Boolean(problem)));
  });
})();
