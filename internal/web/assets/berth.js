// The island of every page: theme, ages that keep counting, and the state of the live stream.
"use strict";
(() => {
  // The browser's clock may be wrong: ages count from the server's clock.
  const skew = Number(document.body.dataset.now || Date.now()) - Date.now();
  const now = () => Date.now() + skew;

  // --- theme: kept in a cookie, so that the server renders the right one at once
  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-theme-choice]");
    if (!button) return;
    const theme = button.dataset.themeChoice;
    document.cookie = `berth_theme=${theme}; path=/; max-age=31536000; samesite=lax`;
    if (theme) document.documentElement.dataset.theme = theme;
    else delete document.documentElement.dataset.theme;
    button.closest("[popover]")?.hidePopover();
  });

  // --- ages; the same words as ui/text.go
  const units = [
    [60, 3600, "minute"], [3600, 172800, "hour"], [86400, 5184000, "day"],
    [2592000, 63072000, "month"], [31536000, Infinity, "year"],
  ];
  const forText = (seconds) => {
    for (const [unit, below, name] of units) {
      if (seconds < 60) return "under a minute";
      if (seconds >= below) continue;
      const n = Math.floor(seconds / unit);
      return n === 1 ? `1 ${name}` : `${n} ${name}s`;
    }
  };
  const agoText = (seconds) => (seconds < 60 ? "just now" : `${forText(seconds)} ago`);
  const tellAges = () => {
    for (const time of document.querySelectorAll("time[data-relative=ago], time[data-relative=for]")) {
      const seconds = Math.max(0, (now() - Date.parse(time.dateTime)) / 1000);
      const text = time.dataset.relative === "ago" ? agoText(seconds) : forText(seconds);
      if (time.textContent !== text) time.textContent = text;
    }
  };
  const tellSeconds = () => {
    for (const time of document.querySelectorAll('time[data-relative="seconds"]')) {
      time.textContent = `${Math.max(0, Math.round((now() - Date.parse(time.dateTime)) / 1000))} s`;
    }
  };
  setInterval(() => document.hidden || tellSeconds(), 1000);
  tellAges();
  setInterval(() => document.hidden || tellAges(), 15000);
  document.addEventListener("htmx:after:swap", tellAges);

  // --- freshness: how old the data is, where that is said, and whether the stream lives
  const fresh = document.getElementById("fresh");
  const freshText = fresh?.querySelector("[data-fresh-text]");
  let answered = freshText?.dataset.age === undefined ? null : performance.now() - Number(freshText.dataset.age);
  let broken = false;
  const tellFreshness = () => {
    if (!fresh) return;
    const seconds = answered === null ? null : Math.floor((performance.now() - answered) / 1000);
    const age = seconds === null ? "waiting for an answer" : seconds < 2 ? "now" : seconds < 60 ? `${seconds} s ago` : agoText(seconds);
    freshText.textContent = broken ? `Reconnecting · ${age}` : `Live · ${age}`;
  };
  const setBroken = (value) => {
    broken = value;
    if (fresh) {
      fresh.dataset.state = broken ? "broken" : "live";
      for (const dot of fresh.querySelectorAll("[data-when]")) dot.hidden = dot.dataset.when !== fresh.dataset.state;
    }
    const notice = document.getElementById("stream-broken");
    if (notice) notice.hidden = !broken;
    tellFreshness();
  };
  tellFreshness();
  setInterval(() => document.hidden || tellFreshness(), 1000);

  // The element of the live connection is replaced when another query is asked: listeners are on the document.
  const live = () => document.getElementById("live");
  if (!live()) return;
  const onLive = (name, act) => document.addEventListener(name, (event) => event.target === live() && act(event));
  onLive("fresh", (event) => {
    answered = performance.now() - Number(event.detail.data);
    tellFreshness();
  });
  // A hidden tab has no stream. That it connects again when it is shown is no interruption.
  let returning = false;
  document.addEventListener("visibilitychange", () => (returning = !document.hidden && !broken));
  onLive("htmx:sse:after:connection", (event) => {
    returning = false;
    if (event.detail.connection.status === 200) setBroken(false);
  });
  onLive("htmx:sse:error", (event) => {
    if (event.detail.status === 401 || event.detail.status === 403) location.reload();
    returning = false;
    setBroken(true);
  });
  onLive("htmx:sse:before:connection", (event) => {
    if (event.detail.connection.attempt > 0 && !document.hidden && !returning) setBroken(true);
  });
  // What the page shows, so that the end of the list can ask for what follows.
  onLive("htmx:sse:after:message", (event) => {
    if (event.detail.message.id) live().dataset.seen = event.detail.message.id;
  });
  document.addEventListener("htmx:config:request", (event) => {
    const { ctx } = event.detail;
    if (ctx.sourceElement.hasAttribute("data-more")) ctx.request.action += `&seen=${encodeURIComponent(live().dataset.seen)}`;
  });

  // --- while the stream is broken the page refreshes by itself every 30 s, in place if it can; the extension reconnects by itself
  // once it was connected, but not when the very first connection failed
  const get = (url) => htmx.ajax("GET", url, { source: live(), swap: "none" }).catch(() => {});
  setInterval(() => {
    if (!broken || document.hidden) return;
    if (live().dataset.refresh) get(live().dataset.refresh);
    else fetch(location.href).then((page) => page.ok && location.reload(), () => {});
    if (!live()._htmx?.sse) get(live().getAttribute("hx-sse:connect"));
  }, 30000);
  setTimeout(() => live()._htmx?.sse || setBroken(true), 5000);
})();
