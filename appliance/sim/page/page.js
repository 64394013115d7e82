// The page of the local Polar Cloud. It asks for the whole state once a second and changes only
// what differs. Every text from outside goes through textContent.

import { showPanel } from "./panel.js";

const POLL = 1000; // milliseconds
const $ = (id) => document.getElementById(id);
let chosen = null; // serial number
let state = null;
let timer = 0;

// Talking to the cloud

async function ask(method, path, body) {
  const options = { method, cache: "no-store" };
  if (body instanceof FormData) options.body = body;
  else if (body !== undefined) {
    options.body = JSON.stringify(body);
    options.headers = { "Content-Type": "application/json" };
  }
  const response = await fetch(path, options);
  const answer = await response.json();
  if (!response.ok) throw new Error(answer.error || `The cloud answered ${response.status}.`);
  return answer;
}

const tell = (action, body = {}) =>
  ask("POST", `/api/printers/${encodeURIComponent(state.printer.serialNumber)}/${action}`, body);

async function attempt(note, work) {
  try {
    say(note, (await work()) || "");
  } catch (error) {
    say(note, error.message, "bad");
  }
  poll();
}

function say(note, text, tone = "") {
  $(note).textContent = text;
  $(note).dataset.tone = tone;
}

async function poll() {
  clearTimeout(timer);
  try {
    const query = chosen ? `?printer=${encodeURIComponent(chosen)}` : "";
    state = await ask("GET", `/api/state${query}`);
    show(state);
  } catch (error) {
    connection("bad", "The local cloud does not answer");
    console.warn(error);
  }
  clearTimeout(timer);
  timer = setTimeout(poll, document.hidden ? 5 * POLL : POLL);
}

// Small helpers

function element(tag, className, text) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  if (text !== undefined) made.textContent = text;
  return made;
}

function put(node, text) {
  const wanted = String(text);
  if (node.textContent !== wanted) node.textContent = wanted;
}

// Brings the children of `parent` in line with `items`, keeping the nodes of known keys.
function list(parent, items, keyOf, make, change) {
  const old = new Map([...parent.children].map((child) => [child.dataset.key, child]));
  let before = parent.firstElementChild;
  for (const item of items) {
    const key = String(keyOf(item));
    let node = old.get(key);
    if (node) old.delete(key);
    else {
      node = make(item);
      node.dataset.key = key;
    }
    change?.(node, item);
    if (node === before) before = before.nextElementSibling;
    else parent.insertBefore(node, before);
  }
  for (const node of old.values()) node.remove();
}

function duration(seconds) {
  if (seconds === null || seconds === undefined) return "–";
  const whole = Math.max(0, Math.round(seconds));
  const hours = Math.floor(whole / 3600);
  const minutes = Math.floor((whole % 3600) / 60);
  if (hours) return `${hours} h ${minutes} min`;
  if (minutes) return `${minutes} min ${whole % 60} s`;
  return `${whole} s`;
}

function bytes(count) {
  if (!count) return "–";
  if (count < 1000) return `${count} B`;
  if (count < 1e6) return `${(count / 1e3).toFixed(count < 1e4 ? 1 : 0)} kB`;
  return `${(count / 1e6).toFixed(1)} MB`;
}

function part(done, all) {
  if (!all) return "–";
  const [unit, by] = all < 1e6 ? ["kB", 1e3] : ["MB", 1e6];
  return `${(done / by).toFixed(1)} / ${(all / by).toFixed(1)} ${unit}`;
}

function length(mm) {
  if (mm === null || mm === undefined) return "–";
  return mm < 1000 ? `${Math.round(mm)} mm` : `${(mm / 1000).toFixed(2)} m`;
}

const clock = (unix) =>
  new Date(unix * 1000).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", second: "2-digit" });

const day = (unix) =>
  new Date(unix * 1000).toLocaleString([], { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" });

// Showing the state

function connection(tone, text) {
  $("connection").dataset.tone = tone;
  put($("connection"), text);
}

function show(now) {
  const printer = now.printer;
  $("welcome").hidden = Boolean(printer);
  $("content").hidden = !printer;
  $("management").hidden = !printer;
  showPanel(now.panel);
  showChooser(now.printers, printer);
  if (!printer) {
    connection("idle", "No printer yet");
    put($("account-email"), now.account.email);
    put($("account-pin"), now.account.pin);
    put($("account-url"), location.origin);
    put($("about"), "Polar Cloud printing protocol 2.0");
    return;
  }
  connection(printer.connected ? "good" : "bad", printer.connected ? "Printer online" : "Printer offline");
  showPicture(printer.picture);
  showPrinter(printer);
  showQueue(printer);
  showPast(printer.past);
  showConsole(printer);
  showLog(now.log);
  showFooter(printer);
}

function showChooser(printers, printer) {
  $("chooser").hidden = printers.length < 2;
  list($("printer-choice"), printers, (p) => p, (p) => new Option(p, p));
  if (printer) $("printer-choice").value = printer.serialNumber;
}

let pictureShown = "";
function showPicture(picture) {
  $("no-picture").hidden = Boolean(picture);
  if (!picture) {
    $("picture").hidden = true;
    pictureShown = "";
    put($("picture-note"), "");
    return;
  }
  const address = `${picture.url}?count=${picture.count}`;
  put($("picture-note"), `Taken ${clock(picture.storedAt)} · ${bytes(picture.size)} · picture ${picture.count}`);
  if (address === pictureShown) return;
  pictureShown = address;
  const fresh = new Image();
  fresh.onload = () => {
    $("picture").src = fresh.src;
    $("picture").alt = `What the printer's camera saw at ${clock(picture.storedAt)}`;
    $("picture").hidden = false;
  };
  fresh.src = address;
}

function showPrinter(printer) {
  const status = printer.status;
  put($("serial"), [printer.make || "Printer", printer.serialNumber].join(" · "));
  put($("state"), status.name);
  $("state").dataset.tone = status.tone;
  put($("job-name"), status.jobName || "");
  $("job-name").hidden = !status.jobName;
  $("progress-block").hidden = status.percent === null;
  $("progress").value = status.percent || 0;
  put($("percent"), status.percent === null ? "" : `${status.percent.toFixed(1)} %`);
  const numbers = status.percent === null ? [] : [
    ["Elapsed", duration(status.elapsed)],
    ["Left", duration(status.left)],
    ["Filament", length(status.filament)],
    ["File read", part(status.bytesRead, status.fileSize)],
  ];
  list($("numbers"), numbers, ([name]) => name, ([name]) => {
    const pair = element("div");
    pair.append(element("dt", "", name), element("dd"));
    return pair;
  }, (pair, [, value]) => put(pair.lastElementChild, value));
  list($("heaters"), status.temperatures, (h) => h.name, makeHeater, changeHeater);
  put($("detail"), status.message);
  $("pause").disabled = $("pause-type").disabled = !printer.can.pause;
  $("resume").disabled = !printer.can.resume;
  $("resume").classList.toggle("primary", printer.can.resume);
  $("cancel").disabled = !printer.can.cancel;
}

function makeHeater(heater) {
  const box = element("div", "heater");
  const value = element("p", "value");
  value.append(element("span"), element("span", "target"));
  box.append(element("p", "name", heater.label), value);
  return box;
}

function changeHeater(box, heater) {
  const [actual, target] = box.querySelectorAll(".value span");
  put(actual, `${heater.actual.toFixed(1)} °C`);
  put(target, heater.target ? ` → ${Math.round(heater.target)}°` : " off");
  box.dataset.heating = heater.target > 0 && heater.target - heater.actual > 2;
}

function showQueue(printer) {
  const queue = printer.queue;
  put($("queue-count"), queue.length || "");
  $("queue-empty").hidden = queue.length > 0;
  list($("queue"), queue, (job) => job.jobId, makeJob, (row, job) => {
    const started = job.state === "started";
    const kind = job.kind === "gcode" ? "G-code" : job.kind.toUpperCase();
    const taken = printer.status.jobId === job.jobId ? "being printed" : "sent to the printer";
    put(row.querySelector(".sub"), `${kind} ${bytes(job.size)} · ${started ? taken : "ready"}`);
    row.querySelector(".print-job").disabled = !printer.can.print;
    for (const button of row.querySelectorAll("button")) button.hidden = started;
  });
}

function makeJob(job) {
  const row = element("li", "row");
  const text = element("div", "text");
  text.append(element("p", "name", job.name), element("p", "sub"));
  const path = `/api/jobs/${encodeURIComponent(job.jobId)}`;
  const print = element("button", "primary print-job", "Print");
  const remove = element("button", "remove-job", "Remove");
  print.type = remove.type = "button";
  print.setAttribute("aria-label", `Print ${job.name}`);
  remove.setAttribute("aria-label", `Remove ${job.name} from the queue`);
  print.onclick = () => attempt("upload-note", () => ask("POST", `${path}/print`).then(() => ""));
  remove.onclick = () => attempt("upload-note", () => ask("DELETE", path).then(() => ""));
  row.append(text, print, remove);
  return row;
}

function showPast(past) {
  put($("past-count"), past.length || "");
  $("past-empty").hidden = past.length > 0;
  list($("past"), past, (print) => `${print.jobId} ${print.endedAt}`, makePast, changePast);
}

function makePast(print) {
  const row = element("li", "print");
  const text = element("div", "text");
  const outcome = element("p", "outcome", print.ending === "completed" ? "Completed" : "Canceled");
  outcome.dataset.tone = print.ending === "completed" ? "good" : "wait";
  const numbers = [day(print.endedAt)];
  if (print.printSeconds !== null) numbers.push(duration(print.printSeconds));
  if (print.filament !== null) numbers.push(length(print.filament));
  text.append(element("p", "name", print.name), outcome, element("p", "sub", numbers.join(" · ")));
  text.append(element("p", "sub video-note"));
  row.append(text);
  return row;
}

function changePast(row, print) {
  if (!print.video) return;
  const address = `${print.video.url}?size=${print.video.size}`;
  if (row.dataset.video === address) return;
  row.dataset.video = address;
  row.querySelector("video")?.remove();
  const video = element("video");
  const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
  Object.assign(video, { controls: true, loop: true, muted: true, playsInline: true });
  Object.assign(video, calm ? { preload: "metadata" } : { autoplay: true });
  video.setAttribute("aria-label", `Time-lapse of ${print.name}`);
  video.src = address;
  row.prepend(video);
  put(row.querySelector(".video-note"), `Time-lapse, ${bytes(print.video.size)}`);
}

function showConsole(printer) {
  list($("menu-block"), printer.commands, (c) => JSON.stringify(c), makeCommand,
    (button) => { button.disabled = !printer.connected; });
  for (const id of ["gcode", "heater", "target"]) $(id).disabled = !printer.connected;
  const box = $("answers");
  const atEnd = box.scrollHeight - box.scrollTop - box.clientHeight < 30;
  const before = box.childElementCount;
  list(box, printer.console, (line) => line.number, (line) =>
    element("p", line.sent ? "sent" : "", line.sent ? `> ${line.text}` : line.text.trimEnd()));
  if (atEnd && box.childElementCount !== before) box.scrollTop = box.scrollHeight;
  const heaters = printer.status.temperatures.length
    ? printer.status.temperatures : [{ name: "tool0", label: "Nozzle" }, { name: "bed", label: "Bed" }];
  list($("heater"), heaters, (h) => h.name, (h) => new Option(h.label, h.name));
}

function makeCommand(command) {
  const button = element("button", "", command.label);
  button.type = "button";
  if (command.helpText) button.title = command.helpText;
  button.onclick = async () => {
    if (command.confirmText && !(await confirmed(command.confirmText, command.label))) return;
    attempt("console-note", () =>
      tell("customCommand", { command: command.command }).then(() => `${command.label} was sent.`));
  };
  return button;
}

function showLog(log) {
  list($("log"), log, (entry) => entry.number, (entry) => {
    const row = element("li");
    const time = element("time", "", clock(entry.time));
    time.dateTime = new Date(entry.time * 1000).toISOString();
    const way = element("span", "way", entry.direction === "to" ? "→" : "←");
    way.dataset.way = entry.direction;
    way.title = entry.direction === "to" ? "to the printer" : "from the printer";
    way.setAttribute("aria-label", way.title);
    way.setAttribute("role", "img");
    const what = element("span", "what", entry.text);
    what.title = entry.text;
    row.append(time, way, element("span", "event", entry.event), what);
    return row;
  });
}

function showFooter(printer) {
  const facts = [printer.serialNumber, `MAC ${printer.mac}`];
  if (printer.version) facts.push(`software ${printer.version}`);
  if (printer.localIP) facts.push(`at ${printer.localIP}`);
  put($("about"), facts.join(" · "));
  $("update").hidden = !printer.updatePossible;
  put($("update"), `Update software to ${printer.latestVersion}`);
  $("connect-printer").disabled = $("update").disabled = !printer.connected;
}

// What a person does

function confirmed(text, yes) {
  const dialog = $("confirm");
  put($("confirm-text"), text);
  put($("confirm-yes"), yes);
  dialog.returnValue = "no";
  dialog.showModal();
  return new Promise((done) =>
    dialog.addEventListener("close", () => done(dialog.returnValue === "yes"), { once: true }));
}

$("printer-choice").onchange = (event) => { chosen = event.target.value; poll(); };
$("pause").onclick = () =>
  attempt("control-note", () => tell("pause", { type: $("pause-type").value }).then(() => ""));
$("resume").onclick = () => attempt("control-note", () => tell("resume").then(() => ""));
$("cancel").onclick = async () => {
  const text = "The print stops at once and cannot be continued. The job stays in the queue.";
  if (await confirmed(text, "Cancel print")) {
    attempt("control-note", () => tell("cancel").then(() => ""));
  }
};
$("connect-printer").onclick = () =>
  attempt("control-note", () => tell("connectPrinter").then(() => ""));
$("update").onclick = () => attempt("control-note", () => tell("update").then(() => ""));
$("delete").onclick = async () => {
  const text = "The printer is removed from this account and must register again.";
  if (await confirmed(text, "Delete printer")) {
    chosen = null;
    attempt("control-note", () => tell("delete").then(() => ""));
  }
};
// A model is chosen first, then the configuration that it is sliced with.
let model = null;

function askForConfig(file) {
  model = file;
  $("config-block").hidden = !file;
  if (!file) return;
  $("without-config").hidden = /\.stl$/i.test(file.name);
  say("upload-note", `Now choose the slicing configuration for ${file.name}.`);
}

function add(file, config) {
  const form = new FormData();
  form.append("name", file.name);
  form.append("printer", state.printer.serialNumber);
  form.append("file", file);
  if (config) form.append("config", config);
  say("upload-note", `Adding ${file.name}`);
  attempt("upload-note", () => ask("POST", "/api/jobs", form).then(() => `${file.name} was added.`))
    .finally(() => { askForConfig(null); });
}

$("file").onchange = (event) => {
  const [file] = event.target.files;
  if (!file) return;
  if (/\.(stl|3mf)$/i.test(file.name)) askForConfig(file);
  else add(file, null);
  event.target.value = "";
};
$("config").onchange = (event) => {
  const [config] = event.target.files;
  if (config && model) add(model, config);
  event.target.value = "";
};
$("without-config").onclick = () => { if (model) add(model, null); };
$("upload").onsubmit = (event) => event.preventDefault();
$("console").onsubmit = (event) => {
  event.preventDefault();
  const command = $("gcode").value.trim();
  if (!command) return;
  attempt("console-note", () =>
    tell("command", { command }).then(() => { $("gcode").value = ""; return ""; }));
};
$("temperature").onsubmit = (event) => {
  event.preventDefault();
  const heater = $("heater").value;
  attempt("console-note", () => tell("temperature", { [heater]: Number($("target").value) }).then(
    () => `${$("heater").selectedOptions[0].text} is set to ${$("target").value} °C.`));
};
document.addEventListener("visibilitychange", () => { if (!document.hidden) poll(); });
poll();
