// The island of actions: the dialog in which they are chosen and confirmed, and the toasts that tell how they went.
"use strict";
(() => {
  const sheet = document.getElementById("sheet");
  const toasts = document.getElementById("toasts");
  if (!sheet) return;
  const body = document.getElementById("sheet-body");
  let loading = 0;
  // What is loaded can be pressed once htmx knows it: before, a button would send its form as a page without htmx does.
  const show = async (request) => {
    loading++;
    body.inert = true;
    try {
      await request;
    } finally {
      body.inert = --loading > 0;
    }
    if (!body.firstElementChild) return; // it was refused, and a toast says so
    if (!sheet.open) sheet.showModal();
    body.querySelector("input:not([type=hidden]):not([type=checkbox]):not([type=number]), [data-testid=confirm], button:not([disabled])")?.focus();
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
  document.addEventListener("berth:sheet", (event) => load(event.detail));
  document.addEventListener("berth:close-sheet", () => sheet.close());
  // The event comes with the next frame, which may be after the dialog was asked for again.
  sheet.addEventListener("close", () => sheet.open || loading || body.replaceChildren());

  // Good news leaves by itself; bad news stays until it is dismissed.
  new MutationObserver(() => {
    for (const toast of toasts.querySelectorAll('[data-toast="success"]:not([data-timed])')) {
      toast.dataset.timed = "";
      setTimeout(() => toast.remove(), 6000);
    }
  }).observe(toasts, { childList: true });
})();
