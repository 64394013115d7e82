// Everything here only adds to pages that work without it.

const page = document.querySelector(".wizard")?.dataset ?? {};
const all = (selector, from = document) => [...from.querySelectorAll(selector)];
const POLL = 1500; // ms

for (const element of all("[data-script]")) element.hidden = false;

// Fields

for (const toggle of all("[data-shows]")) {
  const field = document.getElementById(toggle.dataset.shows);
  const follow = () => { field.type = toggle.checked ? "text" : "password"; };
  toggle.addEventListener("change", follow);
  follow();
  field.form.addEventListener("submit", () => { field.type = "password"; });
}

function choose(select, value) {
  const there = value && all("option", select).some((option) => option.value === value);
  if (there) select.value = value;
}

for (const select of all("select[data-guess]")) {
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  const country = /-([A-Za-z]{2})\b/.exec(navigator.language || "");
  choose(select, select.dataset.guess === "zone" ? zone : country && country[1].toUpperCase());
}

for (const range of all("input[type=range]")) {
  const output = document.querySelector(`output[for="${range.id}"]`);
  const follow = () => { if (output) output.textContent = range.value; };
  range.addEventListener("input", follow);
  follow();
}

// A second tap on the same button sends nothing.
document.addEventListener("submit", (event) => {
  const form = event.target;
  if (event.defaultPrevented) return;
  if (form.dataset.sent) { event.preventDefault(); return; }
  form.dataset.sent = "yes";
  if (form.dataset.quiet !== undefined) send(event);
});
// A page that comes back from the browser's memory may be sent again.
window.addEventListener("pageshow", () => {
  for (const form of all("form")) delete form.dataset.sent;
});

async function send(event) {
  event.preventDefault();
  const form = event.target;
  const body = new URLSearchParams(new FormData(form, event.submitter));
  const action = event.submitter?.getAttribute("formaction") || form.getAttribute("action");
  try {
    await fetch(action, { method: "POST", body, redirect: "manual" });
    await look();
  } finally {
    delete form.dataset.sent;
  }
}

// Camera

const picture = document.querySelector("[data-picture]");
const transform = document.getElementById("transform");

function turn(event) {
  event.preventDefault();
  transform.value = event.currentTarget.dataset.turn.split(",")[transform.value];
  const shown = picture.dataset.shown.split(",")[transform.value];
  picture.className = `t${shown}`;
  for (const link of all("[data-turn]")) {
    link.href = `?transform=${link.dataset.turn.split(",")[transform.value]}`;
  }
}
for (const link of all("[data-turn]")) {
  link.setAttribute("role", "button");
  link.addEventListener("click", turn);
  link.addEventListener("keydown", (event) => { if (event.key === " ") turn(event); });
}

if (picture) {
  const missing = document.getElementById("no-picture");
  const next = () => {
    picture.src = `${picture.dataset.picture}?${Date.now()}`;
  };
  const seen = (good) => () => {
    picture.hidden = !good;
    missing.hidden = good;
    setTimeout(next, good ? 1000 : 3000);
  };
  picture.addEventListener("load", seen(true));
  picture.addEventListener("error", seen(false));
  next();
}

// What changes while the page is open

function replace(part, [tag, html]) {
  if (part.dataset.tag === tag) return;
  const chosen = part.querySelector("input:checked")?.id;
  const focused = part.contains(document.activeElement) && document.activeElement.id;
  part.dataset.tag = tag;
  part.innerHTML = html; // escaped by the server, which made the page itself
  const again = chosen && document.getElementById(chosen);
  if (again && !again.disabled) again.checked = true;
  if (focused) document.getElementById(focused)?.focus();
}

let missed = 0;

async function look() {
  let state;
  try {
    const answer = await fetch(`/setup/state.json?step=${page.step}`, { cache: "no-store" });
    if (answer.status === 401 || answer.status === 403) { location.assign("/"); return; }
    if (!answer.ok) throw new Error(answer.status);
    state = await answer.json();
    missed = 0;
  } catch {
    missed += 1;
  }
  const lost = document.getElementById("lost");
  if (lost) lost.hidden = missed < 3;
  if (!state) return;
  // What this page waited for is over: the next page says how it went.
  if (page.waits !== undefined && state.waits !== page.waits) {
    location.replace("/setup");
    return;
  }
  for (const part of all("[data-part]")) {
    const now = state.parts[part.dataset.part];
    if (now) replace(part, now);
  }
}

async function watch() {
  if (!document.hidden) await look();
  setTimeout(watch, POLL);
}
if (page.step) setTimeout(watch, POLL);
