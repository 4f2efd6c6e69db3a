// The island of the page of a container: parts that are loaded after the page or read again, and the charts.
"use strict";
(() => {
  const page = document.querySelector("[data-container]");
  if (!page) return;

  // --- parts: each answers with itself as a partial. One request of a part at a time; none while nobody can see the page.
  const asking = new Map(); // id -> whether it is to be asked again
  const ask = async (part, anew = false) => {
    if (document.hidden) return;
    if (asking.has(part.id)) return anew && asking.set(part.id, true);
    asking.set(part.id, false);
    try {
      await htmx.ajax("GET", part.dataset.part, { source: part, swap: "none" });
    } catch {
      // no connection: the page says so already, and the next turn asks again
    }
    const again = asking.get(part.id);
    asking.delete(part.id);
    const now = document.getElementById(part.id);
    if (again && now) ask(now);
  };
  const every = (selector, anew) => document.querySelectorAll(selector).forEach((part) => ask(part, anew));
  const waiting = () => every("[data-part][data-every], [data-part][aria-busy]");
  setTimeout(() => every("[data-part]"), 0);
  setInterval(waiting, 2000);
  document.addEventListener("visibilitychange", () => document.hidden || every("[data-part]"));

  // What jobs change is read again when something begins or ends to be done to the container.
  const doing = () => document.querySelector('[data-testid="container-detail"]')?.dataset.doing;
  let before = doing();
  document.addEventListener("htmx:after:swap", () => {
    if (doing() === before) return;
    before = doing();
    every("[data-after-jobs]", true);
  });

  // --- charts
  const box = document.getElementById("charts");
  if (!box) return;
  const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const bytes = (n) => {
    const units = ["B", "KiB", "MiB", "GiB", "TiB"];
    let unit = 0;
    for (; Math.abs(n) >= 999.5 && unit < units.length - 1; unit++) n /= 1024;
    return `${n >= 99.5 || unit === 0 ? Math.round(n) : Number(n.toFixed(1))} ${units[unit]}`;
  };
  const percent = (n) => `${Number(n.toFixed(1))} %`;
  const rate = (n) => `${bytes(n)}/s`;
  const powers = Array.from({ length: 45 }, (_, n) => 2 ** n); // steps of axes in bytes
  const two = (n) => String(n).padStart(2, "0");
  const clock = (t) => {
    const d = new Date(t * 1000);
    const day = `${two(d.getMonth() + 1)}-${two(d.getDate())}`;
    return span === "hour" || span === "day" ? `${two(d.getHours())}:${two(d.getMinutes())}` : span === "week" || span === "month" ? day : `${d.getFullYear()}-${day}`;
  };
  const kinds = {
    cpu: { text: percent, lines: [["cpu", "CPU", "--color-primary"]] },
    memory: { text: bytes, lines: [["memory", "Used", "--color-primary"], ["limit", "Limit", "--color-warning"]] },
    net: { text: rate, lines: [["netIn", "In", "--color-primary"], ["netOut", "Out", "--color-success"]] },
    io: { text: rate, lines: [["read", "Read", "--color-primary"], ["write", "Written", "--color-success"]] },
  };
  const columns = ["cpu", "memory", "limit", "netIn", "netOut", "read", "write"];
  const zoomOut = box.querySelector("[data-zoom-out]");
  const problem = box.querySelector("[data-chart-problem]");
  let span = "hour";
  let data = null;
  let plots = [];
  let zoomed = false;

  const setZoomed = (value, from, to) => {
    zoomed = value;
    zoomOut.hidden = !value;
    if (value) Object.assign(box.dataset, { from: Math.round(from), to: Math.round(to) });
    else for (const key of ["from", "to"]) delete box.dataset[key];
  };
  const chartOf = (figure) => {
    const kind = kinds[figure.dataset.chart];
    const place = figure.querySelector(".chart");
    const axis = { stroke: css("--color-base-content"), grid: { stroke: css("--color-base-300"), width: 1 }, ticks: { show: false }, font: "12px sans-serif" };
    const line = ([, label, colour], i) => ({ label, stroke: css(colour), width: 1.5, spanGaps: false, dash: label === "Limit" ? [4, 4] : undefined,
      fill: i === 0 ? `color-mix(in oklab, ${css(colour)} 15%, transparent)` : undefined, points: { show: false }, value: (_, v) => (v == null ? "–" : kind.text(v)) });
    return new uPlot({
      width: place.clientWidth, height: 180, cursor: { sync: { key: "container" }, drag: { x: true, y: false } }, legend: { live: true },
      scales: { y: { range: (_, low, high) => [0, Math.max(high ?? 0, figure.dataset.chart === "cpu" ? 1 : 1024) * 1.08] } },
      axes: [{ ...axis, values: (_, all) => all.map(clock) }, { ...axis, size: 76, values: (_, all) => all.map(kind.text), ...(kind.text === percent ? {} : { incrs: powers }) }],
      series: [{ label: "Time", value: "{YYYY}-{MM}-{DD} {HH}:{mm}" }, ...kind.lines.map(line)],
      hooks: { setSelect: [(plot) => plot.select.width > 0 && setZoomed(true, plot.posToVal(plot.select.left, "x"), plot.posToVal(plot.select.left + plot.select.width, "x"))] },
    }, dataOf(kind), place);
  };
  const dataOf = (kind) => [data.t, ...kind.lines.map(([name]) => data[name])];
  const draw = () => {
    for (const { plot } of plots) plot.destroy();
    plots = [];
    setZoomed(false);
    const empty = !data || data.t.length === 0;
    box.querySelector("[data-chart-room]").hidden = empty;
    if (empty) return;
    plots = [...box.querySelectorAll("[data-chart]")].map((figure) => ({ kind: kinds[figure.dataset.chart], figure, plot: chartOf(figure) }));
    box.dataset.points = data.t.length;
    fillTable();
  };
  const tell = (text) => {
    problem.textContent = text;
    problem.hidden = text === "";
  };
  const load = async () => {
    const asked = span;
    try {
      const response = await fetch(`${box.dataset.history}?span=${asked}`, { headers: { Accept: "application/json" } });
      if (!response.ok) throw new Error(`The figures could not be read (${response.status}).`);
      const answer = await response.json();
      if (asked !== span) return;
      data = answer;
      tell(answer.problem ?? (answer.t.length === 0 ? "Proxmox has no figures of this container yet." : ""));
      draw();
      box.dataset.span = asked;
    } catch (error) {
      tell(error instanceof TypeError ? "The figures could not be read: no connection." : error.message);
    }
  };

  // What is read every two seconds goes on the end of the last hour.
  const addSample = () => {
    const text = document.getElementById("now")?.dataset.sample;
    if (!text || !data || span !== "hour" || plots.length === 0) return;
    const sample = JSON.parse(text);
    if (sample.t[0] <= data.t[data.t.length - 1]) return;
    for (const name of ["t", ...columns]) data[name].push(sample[name][0]);
    for (const { kind, plot } of plots) plot.setData(dataOf(kind), !zoomed);
    box.dataset.points = data.t.length;
    fillTable();
  };
  document.addEventListener("htmx:after:swap", addSample);

  const details = box.querySelector("[data-chart-table]");
  const cell = (row, tag, text) => (row.appendChild(document.createElement(tag)).textContent = text);
  const fillTable = () => {
    if (!details.open || !data) return;
    const table = document.createElement("table");
    table.className = "figures-table";
    const head = table.createTHead().insertRow();
    for (const title of ["Time", "CPU", "Memory", "Limit", "Network in", "Network out", "Read", "Written"]) cell(head, "th", title);
    const texts = [percent, bytes, bytes, rate, rate, rate, rate];
    const body = table.createTBody();
    for (let i = data.t.length - 1; i >= 0; i--) {
      const row = body.insertRow();
      cell(row, "td", new Date(data.t[i] * 1000).toLocaleString());
      columns.forEach((name, n) => cell(row, "td", data[name][i] == null ? "–" : texts[n](data[name][i])));
    }
    details.querySelector("div").replaceChildren(table);
  };
  details.addEventListener("toggle", fillTable);

  box.addEventListener("click", (event) => {
    const button = event.target.closest("[data-span]");
    if (button) {
      span = button.dataset.span;
      for (const other of box.querySelectorAll("[data-span]")) other.setAttribute("aria-pressed", String(other === button));
      load();
    }
    if (event.target.closest("[data-zoom-out]")) draw();
  });
  box.addEventListener("dblclick", () => setZoomed(false));
  const resized = new ResizeObserver(() => plots.forEach(({ plot, figure }) => plot.setSize({ width: figure.querySelector(".chart").clientWidth, height: 180 })));
  resized.observe(box);
  new MutationObserver(draw).observe(document.documentElement, { attributeFilter: ["data-theme"] });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
  if (document.hidden) document.addEventListener("visibilitychange", load, { once: true });
  else load();
})();
