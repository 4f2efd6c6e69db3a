// The island of the head of a container's page: tags, tabs, and the keys that lead to its neighbours in the list.
"use strict";
(() => {
  const form = document.getElementById("tag-form");
  const adder = () => document.querySelector('[data-testid="add-tag"]');
  const problem = (text) => document.getElementById("tag-problem")?.replaceChildren(text);
  document.addEventListener("berth:tags-changed", () => {
    problem("");
    form?.reset();
    if (document.activeElement === document.body) adder()?.focus(); // the button that was pressed has gone with its tag
  });
  form?.addEventListener("beforetoggle", () => problem(""));

  document.querySelector('.tab-link[aria-current="page"]')?.scrollIntoView({ block: "nearest", inline: "center" }); // on a phone

  const press = { j: '[data-testid="next"]', k: '[data-testid="prev"]', ".": "[data-container-actions]" };
  document.addEventListener("berth:key", (event) => {
    const target = press[event.detail.key] && document.querySelector(press[event.detail.key]);
    if (!target) return;
    event.detail.used = true;
    target.click();
  });
})();
