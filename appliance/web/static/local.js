// The local page: keeps what is shown right, and the file on its way seen. It works without.
"use strict";

const POLL = 2000; // ms
const RETRY = 5000; // ms, for the picture
const live = document.querySelector("[data-live]");
const by = (id) => document.getElementById(id);
for (const element of document.querySelectorAll("[data-script]")) element.hidden = false;

function replace(part, [tag, html]) {
  if (part.dataset.tag === tag) return;
  const focused = part.contains(document.activeElement) ? document.activeElement : null;
  const same = focused && `${focused.localName}:${focused.textContent}`;
  part.dataset.tag = tag;
  part.innerHTML = html; // escaped by the server, which made the page itself
  if (!same) return;
  for (const one of part.querySelectorAll("a, button")) {
    if (`${one.localName}:${one.textContent}` === same) one.focus();
  }
}

let missed = 0;

async function look() {
  try {
    const answer = await fetch("/state.json", { cache: "no-store" });
    if (answer.status === 401 || answer.status === 403) { location.reload(); return; }
    if (!answer.ok) throw new Error(answer.status);
    const { parts } = await answer.json();
    missed = 0;
    for (const part of document.querySelectorAll("[data-local]")) {
      const now = parts[part.dataset.local];
      if (now) replace(part, now);
    }
  } catch {
    missed += 1;
  }
  by("lost").hidden = missed < 3;
}

async function watch() {
  if (!document.hidden) await look();
  setTimeout(watch, POLL);
}
if (live) setTimeout(watch, POLL);

// The picture: its stream ends when the camera fails, and is asked for again.
const picture = by("live");
if (picture) {
  const note = by("no-live");
  const again = () => { picture.src = `/live.mjpeg?again=${Date.now()}`; };
  picture.addEventListener("error", () => {
    picture.hidden = true;
    note.hidden = false;
    setTimeout(again, RETRY);
  });
  picture.addEventListener("load", () => {
    picture.hidden = false;
    note.hidden = true;
  });
  // A page that nobody sees keeps no camera busy.
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) picture.removeAttribute("src"); else again();
  });
}

// Sending a file, with its progress.
const send = by("send");
if (send) {
  send.addEventListener("submit", (event) => {
    event.preventDefault();
    if (send.dataset.on) return;
    send.dataset.on = "yes";
    const bar = by("sent");
    const request = new XMLHttpRequest();
    const form = new FormData(send, event.submitter);
    request.upload.addEventListener("progress", (step) => {
      bar.hidden = false;
      if (step.lengthComputable) bar.value = 100 * step.loaded / step.total;
    });
    const over = () => {
      delete send.dataset.on;
      bar.hidden = true;
      const page = new DOMParser().parseFromString(request.responseText || "", "text/html");
      const wrong = page.getElementById("error");
      if (request.status >= 200 && request.status < 300 && !wrong) { location.assign("/"); return; }
      tell(wrong ? wrong.textContent : "The file could not be sent. Try it once more.");
    };
    for (const end of ["load", "error", "abort"]) request.addEventListener(end, over);
    request.open("POST", send.getAttribute("action"));
    request.send(form);
  });
}

function tell(text) {
  let note = by("error");
  if (!note) {
    note = document.createElement("div");
    note.id = "error";
    note.className = "banner bad";
    note.setAttribute("role", "alert");
    live.prepend(note);
  }
  note.textContent = text;
  note.scrollIntoView({ block: "nearest" });
}

// Copying the key: also where the clipboard is not allowed (no https here).
for (const button of document.querySelectorAll("[data-copies]")) {
  button.addEventListener("click", async () => {
    const field = by(button.dataset.copies);
    field.select();
    let good = false;
    try {
      await navigator.clipboard.writeText(field.value);
      good = true;
    } catch {
      good = document.execCommand("copy");
    }
    by("copied").textContent = good ? "Copied." : "Copy it by hand: it is selected.";
  });
}
