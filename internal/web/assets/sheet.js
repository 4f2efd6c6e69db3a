// The island of actions: the dialog in which they are chosen and confirmed, and the toasts that tell how they went.
"use strict";
(() => {
  const sheet = document.getElementById("sheet");
  const toasts = document.getElementById("toasts");
  if (!sheet) return;
  const body = document.getElementById("sheet-body");
  let loading = 0;
  // What is loaded can be pressed once htmx knows it: before, a button would send its form as a page without htmx does.
  // What takes longer than a moment, because Proxmox is asked, is announced in the dialog.
  const slow = 300;
  const show = async (request) => {
    loading++;
    body.inert = true;
    const announce = setTimeout(() => {
      if (sheet.open && body.querySelector("form")) return; // a dialog that is made anew stays in sight
      const text = document.createElement("p");
      text.textContent = "Asking Proxmox …";
      text.className = "muted";
      text.dataset.waiting = "";
      body.replaceChildren(text);
      if (!sheet.open) sheet.showModal();
    }, slow);
    try {
      await request;
    } finally {
      clearTimeout(announce);
      body.inert = --loading > 0;
    }
    if (body.querySelector("[data-waiting]")) sheet.close();
    if (!body.firstElementChild || body.querySelector("[data-waiting]")) return; // it was refused, and a toast says so
    if (!sheet.open) sheet.showModal();
    body.querySelector("input:not([type=hidden]):not([type=checkbox]):not([type=number]), input[type=number][required], [data-testid=confirm], button:not([disabled])")?.focus();
  };
  const load = (url) => show(htmx.ajax("GET", url, { target: "#sheet-body", swap: "innerHTML" }));
  document.addEventListener("click", (event) => {
    const opener = event.target.closest("[data-sheet]");
    if (opener) load(opener.dataset.sheet);
    if (event.target.closest("[data-close-sheet]")) sheet.close();
    if (event.target.closest("[data-close-toast]")) event.target.closest("[data-toast]").remove();
    const bulk = event.target.closest("[data-bulk]");
    if (bulk) {
      const message = new CustomEvent("berth:selection", { detail: { values: { action: bulk.dataset.bulk } } });
      document.dispatchEvent(message);
      plan(message.detail.values);
    }
  });
  const plan = (values) => show(htmx.ajax("POST", "/bulk", { target: "#sheet-body", swap: "innerHTML", values }));
  // A choice that changes what would happen: the dialog says it anew.
  document.addEventListener("change", (event) => {
    if (!event.target.closest("[data-bulk-again]")) return;
    const values = Object.fromEntries(new FormData(event.target.form));
    delete values.confirmed;
    plan(values);
  });
  // A choice on which others depend: the dialog is made anew, with all that was entered.
  body.addEventListener("change", async (event) => {
    const chosen = event.target.closest("[data-sheet-again]");
    if (!chosen) return;
    const query = new URLSearchParams(new FormData(chosen.form));
    query.set("again", "1");
    await load(`${chosen.form.dataset.again}?${query}`);
    document.getElementById(chosen.id)?.focus();
  });
  // What is wrong is said beside the fields, and the first of them has the cursor.
  const errors = () => [...body.querySelectorAll("[data-error-of]")];
  body.addEventListener("htmx:before:request", (event) => {
    if (!event.target.matches("form")) return;
    for (const place of errors()) place.replaceChildren();
    body.querySelector("#sheet-problem")?.replaceChildren();
  });
  body.addEventListener("htmx:after:swap", (event) => {
    if (!event.target.matches("form")) return;
    let first;
    for (const place of errors()) {
      const field = document.getElementById(place.dataset.errorOf);
      const wrong = place.textContent.trim() !== "";
      if (wrong) field?.setAttribute("aria-invalid", "true");
      else field?.removeAttribute("aria-invalid");
      if (wrong) first ??= field;
      for (const line of body.querySelectorAll(`[data-unless="${place.id}"]`)) line.remove(); // it is said there
    }
    first?.focus();
  });
  // Before a configuration is saved it is said what takes effect at once and what waits.
  body.addEventListener("input", (event) => {
    const form = event.target.closest("[data-effects]");
    if (!form) return;
    const changed = [...form.querySelectorAll("[data-label]")].filter((field) => field.value !== field.defaultValue);
    for (const [place, waits] of [["[data-effects-now]", "false"], ["[data-effects-later]", "true"]]) {
      const line = form.querySelector(place);
      if (!line) continue;
      const labels = changed.filter((field) => field.dataset.restart === waits).map((field) => field.dataset.label);
      line.hidden = labels.length === 0;
      line.querySelector("strong").textContent = labels.join(", ");
    }
  });
  document.addEventListener("berth:sheet", (event) => load(event.detail.value ?? event.detail));
  document.addEventListener("berth:close-sheet", () => sheet.close());
  // The event comes with the next frame, which may be after the dialog was asked for again.
  sheet.addEventListener("close", () => sheet.open || loading || body.replaceChildren());

  // Good news leaves by itself; bad news stays until it is dismissed, or until the same is said again.
  new MutationObserver(() => {
    const said = new Set();
    for (const toast of [...toasts.querySelectorAll('[data-toast="error"]')].reverse()) {
      if (said.has(toast.textContent)) toast.remove();
      said.add(toast.textContent);
    }
    for (const toast of toasts.querySelectorAll('[data-toast="success"]:not([data-timed])')) {
      toast.dataset.timed = "";
      setTimeout(() => toast.remove(), 6000);
    }
  }).observe(toasts, { childList: true });
})();
