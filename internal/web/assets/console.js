// The island of the console page: a terminal on Berth's websocket. Output is hostile: it names no page, makes no link, and
// writes to no clipboard, and nothing that it asks is answered, because an answer would be typed into the shell of whoever looks.
"use strict";
(() => {
  const room = document.getElementById("console");
  if (!room) return;
  const part = (name) => room.querySelector("[data-console-" + name + "]");
  const [screen, line, again, dot] = [part("screen"), part("state"), part("again"), part("dot")];
  const dots = { open: "status-success", broken: "status-warning", connecting: "status-warning", ended: "status-neutral", refused: "status-error" };

  const term = new Terminal({
    scrollback: 10000, cursorBlink: !matchMedia("(prefers-reduced-motion: reduce)").matches, fontSize: 14, lineHeight: 1.15,
    fontFamily: getComputedStyle(room).getPropertyValue("--font-mono") || "monospace",
    theme: { background: "#11151c", foreground: "#dbe2ee", cursor: "#dbe2ee", selectionBackground: "#3d5a80", black: "#3b4252", brightBlack: "#8892a6" },
  });
  const ignore = () => true;
  for (const id of [{ final: "c" }, { prefix: ">", final: "c" }, { prefix: "=", final: "c" }, { final: "n" }, { prefix: "?", final: "n" }, { final: "t" },
    { intermediates: "$", final: "p" }, { prefix: "?", intermediates: "$", final: "p" }]) term.parser.registerCsiHandler(id, ignore);
  term.parser.registerDcsHandler({ intermediates: "$", final: "q" }, ignore);
  for (const id of [0, 1, 2, 4, 8, 10, 11, 12, 52]) term.parser.registerOscHandler(id, ignore);
  const fit = new FitAddon.FitAddon();
  term.loadAddon(fit);
  term.open(screen);

  const encoder = new TextEncoder();
  const connected = () => socket && socket.readyState === WebSocket.OPEN;
  let socket, shown, tries = 0, timer = 0, over = false, size = "";

  const say = (state, text) => {
    room.dataset.state = state;
    line.textContent = text;
    dot.className = "status " + dots[state];
    again.hidden = state !== "ended" && state !== "refused";
  };
  const tell = (what) => { if (connected()) socket.send(JSON.stringify(what)); };

  // The window says its size when it connects and when it changes; another window may set another size meanwhile.
  const measure = () => {
    const fits = fit.proposeDimensions();
    if (!fits || !(fits.cols > 0) || !(fits.rows > 0)) return;
    const now = fits.cols + "x" + fits.rows;
    if (now === size || !connected()) return;
    size = now;
    term.resize(fits.cols, fits.rows);
    tell({ columns: fits.cols, rows: fits.rows });
  };

  const others = (names) => {
    const all = names.length > 1 ? " Open by " + names.join(", ") + "." : "";
    return "Connected." + all;
  };
  const told = (news) => {
    if (news.anew) term.reset();
    if (news.columns && (news.columns !== term.cols || news.rows !== term.rows)) term.resize(news.columns, news.rows);
    if (!news.state) return;
    if (news.state === "open") tries = 0;
    over = news.state === "ended" || news.state === "refused";
    say(news.state, {
      open: () => others(news.names || []),
      broken: () => (news.why || "The connection to the node was lost.") + " Trying again …",
      ended: () => "The console has ended. " + (news.why || ""),
      refused: () => news.why,
    }[news.state]());
  };

  const connect = () => {
    clearTimeout(timer);
    over = false;
    shown = 0;
    size = "";
    let opened = false;
    const mine = socket = new WebSocket(room.dataset.socket);
    mine.binaryType = "arraybuffer";
    mine.onopen = () => { opened = true; measure(); };
    mine.onmessage = (event) => {
      if (typeof event.data === "string") return told(JSON.parse(event.data));
      const bytes = new Uint8Array(event.data);
      term.write(bytes, () => {
        if (socket !== mine) return;
        shown += bytes.length;
        tell({ shown });
      });
    };
    mine.onclose = () => {
      if (over || socket !== mine) return;
      if (!opened) mayStill();
      const wait = Math.min(5000, 300 * 2 ** tries++);
      if (room.dataset.state !== "broken") say("connecting", "The connection to Berth broke. What runs in the container goes on; trying again …");
      timer = setTimeout(connect, wait);
    };
  };
  // A websocket does not tell why it was refused; the page does.
  const mayStill = async () => {
    const page = await fetch(location.href, { redirect: "manual" }).catch(() => null);
    if (page && page.status !== 200 && page.status < 500) location.reload();
  };
  const now = () => { if (!over && !connected() && socket.readyState !== WebSocket.CONNECTING) connect(); };
  addEventListener("online", now);
  document.addEventListener("visibilitychange", () => { if (!document.hidden) now(); });
  again.addEventListener("click", () => { say("connecting", "Connecting …"); connect(); term.focus(); });

  const most = 16 << 10; // bytes in a message
  const type = (bytes) => { for (let at = 0; connected() && at < bytes.length; at += most) socket.send(bytes.subarray(at, at + most)); };
  term.onData((text) => type(encoder.encode(text)));
  term.onBinary((text) => type(Uint8Array.from(text, (c) => c.charCodeAt(0))));

  const copy = () => {
    const text = term.getSelection();
    if (!text) return;
    if (navigator.clipboard) navigator.clipboard.writeText(text).catch(() => document.execCommand("copy"));
    else document.execCommand("copy"); // xterm gives it what is selected
  };
  const paste = async () => term.paste(await navigator.clipboard.readText());
  part("copy").addEventListener("click", () => { term.focus(); copy(); });
  if (navigator.clipboard && navigator.clipboard.readText) {
    part("paste").hidden = false;
    part("paste").addEventListener("click", () => { term.focus(); paste().catch(() => {}); });
  }
  term.attachCustomKeyEventHandler((event) => {
    if (event.type !== "keydown") return true;
    if (event.ctrlKey && event.shiftKey && event.code === "KeyC") {
      event.preventDefault();
      copy();
      return false;
    }
    if (event.ctrlKey && event.shiftKey && event.code === "KeyV") return false; // the browser pastes
    if (event.ctrlKey && event.code === "F6") {
      event.preventDefault();
      part("copy").focus();
      return false;
    }
    return true;
  });
  screen.addEventListener("keydown", (event) => event.stopPropagation()); // Ctrl+K and the like are for the shell

  new ResizeObserver(measure).observe(screen);
  document.fonts.ready.then(measure);
  connect();
  term.focus();
})();
