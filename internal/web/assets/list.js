// The island of the list: selection, and moving through it with the keyboard.
"use strict";
(() => {
  const list = () => document.getElementById("list");
  if (!list()) return;
  const items = () => [...list().querySelectorAll("[data-key]")];
  const bulk = document.getElementById("bulk");

  // --- selection: kept by key, so that it survives every update of the list
  const selected = new Map(); // key -> name
  let anchor = null; // where a range begins
  let allMatching = false;

  const show = () => {
    for (const item of items()) {
      const on = allMatching || selected.has(item.dataset.key);
      item.toggleAttribute("data-selected", on);
      item.querySelector("[data-select]").checked = on;
    }
    if (!bulk) return;
    const matching = document.getElementById("matching")?.dataset.matching ?? 0;
    bulk.hidden = !allMatching && selected.size === 0;
    bulk.querySelector("[data-bulk-count]").textContent = allMatching ? `All ${matching} that match are selected` : `${selected.size} selected`;
    bulk.querySelector("[data-bulk-all]").hidden = allMatching;
    bulk.querySelector("[data-bulk-copy]").hidden = allMatching;
  };
  const set = (item, on) => (on ? selected.set(item.dataset.key, item.dataset.name) : selected.delete(item.dataset.key));
  const select = (item, on, range) => {
    if (allMatching) { // going on from "all": those on the page stay selected one by one
      allMatching = false;
      for (const other of items()) set(other, true);
    }
    const all = items();
    const from = range && anchor ? all.findIndex((i) => i.dataset.key === anchor) : -1;
    const to = all.indexOf(item);
    if (from >= 0) for (const other of all.slice(Math.min(from, to), Math.max(from, to) + 1)) set(other, on);
    else set(item, on);
    anchor = item.dataset.key;
    show();
  };
  document.addEventListener("click", (event) => {
    const box = event.target.closest("[data-select]");
    if (box) return select(box.closest("[data-key]"), box.checked, event.shiftKey);
    if (event.target.closest("[data-bulk-clear]")) clear();
    if (event.target.closest("[data-bulk-all]")) {
      allMatching = true;
      show();
    }
    if (event.target.closest("[data-bulk-copy]")) navigator.clipboard?.writeText([...selected.values()].join("\n"));
  });
  const clear = () => {
    selected.clear();
    allMatching = false;
    show();
  };
  document.addEventListener("htmx:after:swap", show);
  document.addEventListener("berth:selection", (event) => {
    const { values } = event.detail;
    if (allMatching) Object.assign(values, { all: "1", q: new URLSearchParams(location.search).get("q") ?? "" });
    else values.keys = [...selected.keys()].join();
  });

  // --- the keyboard
  let current = null; // key of the item that the keyboard is at
  const currentItem = () => items().find((i) => i.dataset.key === current);
  const go = (by) => {
    const all = items();
    if (all.length === 0) return;
    const at = all.findIndex((i) => i.dataset.key === current);
    const next = all[at < 0 ? (by > 0 ? 0 : all.length - 1) : Math.min(Math.max(at + by, 0), all.length - 1)];
    current = next.dataset.key;
    const link = next.querySelector("a.card-link");
    link.focus({ preventScroll: true });
    next.scrollIntoView({ block: "nearest" });
  };
  // In a grid, up and down go by a row of cards.
  const perRow = () => {
    const all = items();
    const top = all[0]?.offsetTop;
    return Math.max(1, all.findIndex((i) => i.offsetTop !== top) < 0 ? all.length : all.findIndex((i) => i.offsetTop !== top));
  };
  const keys = {
    j: () => go(1), k: () => go(-1),
    ArrowDown: () => go(perRow()), ArrowUp: () => go(-perRow()), ArrowRight: () => go(1), ArrowLeft: () => go(-1),
    x: () => currentItem() && select(currentItem(), !selected.has(current), false),
    X: () => currentItem() && select(currentItem(), true, true),
    ".": () => currentItem()?.querySelector("[data-actions]").click(),
    Escape: clear,
  };
  document.addEventListener("focusin", (event) => {
    const item = event.target.closest?.("[data-key]");
    if (item && list().contains(item)) current = item.dataset.key;
  });
  document.addEventListener("berth:key", (event) => {
    const act = keys[event.detail.key];
    if (!act) return;
    event.detail.used = true;
    act();
  });
})();
