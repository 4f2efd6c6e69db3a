// The island of the form for a new container: problems beside their fields, what will be made, and the search among OS images.
"use strict";
(() => {
  const form = document.getElementById("create");
  if (!form) return;
  const value = (name) => form.elements[name]?.value?.trim() ?? "";
  const on = (name) => form.elements[name].checked;

  // --- problems: the server lists them, each is shown beside its field, and the first one gets the focus
  const problemOf = (name) => document.querySelector(`#problems [data-field="${name}"] [data-message]`)?.textContent;
  const mark = () => {
    let first = null;
    for (const help of form.querySelectorAll("[data-help]")) {
      const problem = problemOf(help.dataset.help);
      const control = document.getElementById(help.dataset.help);
      help.textContent = problem ?? help.dataset.text;
      help.classList.toggle("tone-error", problem !== undefined);
      help.classList.toggle("muted", problem === undefined);
      control?.setAttribute("aria-invalid", String(problem !== undefined));
      if (problem === undefined) continue;
      control?.closest("details")?.setAttribute("open", "");
      first ??= control;
    }
    return first;
  };
  let shown = null; // the list of problems that has been shown
  const show = () => {
    const first = mark();
    const list = document.getElementById("problems");
    if (list === shown) return;
    shown = list;
    first?.focus();
  };

  // --- what will be made
  const chosen = (name) => form.elements[name]?.selectedOptions?.[0]?.text ?? "";
  const network = () => {
    if (!value("bridge")) return "without a network";
    const addresses = [["ipv4", "ip"], ["ipv6", "ip6"]].map(([how, field]) => {
      const text = { dhcp: how === "ipv4" ? "DHCP" : "DHCPv6", auto: "automatic IPv6", static: value(field) }[value(how)];
      return text ?? "";
    }).filter(Boolean);
    return `on ${value("bridge")}${value("vlan") ? `, VLAN ${value("vlan")},` : ""} with ${addresses.join(" and ") || "no address"}`;
  };
  const tell = () => {
    const cores = value("cores");
    const size = [cores ? `${cores} ${cores === "1" ? "core" : "cores"}` : "all cores", `${value("memory") || "?"} MiB of memory`, `${value("disk") || "?"} GiB on ${value("storage") || "?"}`];
    const text = `${on("unprivileged") ? "An unprivileged" : "A privileged"} container ${value("hostname") || "without a name yet"}` +
      `${value("vmid") ? ` (${value("vmid")})` : ""} on ${value("node") || "?"} of ${value("cluster")}, from ${chosen("image") || "no OS image yet"}: ` +
      `${size.join(", ")}, ${network()}. ${on("start") ? "It is started when it is made." : "It stays stopped."}`;
    const sentence = document.getElementById("summary-sentence");
    if (sentence.textContent !== text) sentence.textContent = text;
  };

  // While the node is asked, what is chosen may be of another one.
  form.addEventListener("submit", (event) => {
    if (!document.getElementById("place").classList.contains("htmx-request")) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    document.getElementById("summary-sentence").textContent = "The node is still being asked what it offers. Look at what is chosen then, and press once more.";
  }, true);

  // --- OS images to fetch
  form.addEventListener("input", (event) => {
    const typed = event.target.closest("[data-narrow]")?.value.toLowerCase();
    if (typed === undefined) return;
    for (const line of form.querySelectorAll("[data-appliance]")) line.hidden = !line.textContent.toLowerCase().includes(typed);
  });
  form.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && event.target.closest("[data-narrow]")) event.preventDefault(); // it would send the form
  });

  form.addEventListener("input", tell);
  form.addEventListener("change", tell);
  const anew = () => { show(); tell(); };
  document.addEventListener("htmx:after:swap", anew);
  anew();
})();
