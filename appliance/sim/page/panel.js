// The front panel: the display's own picture, its buttons and the door, over one WebSocket.
// The picture is drawn on a canvas; texts go through textContent and attributes.

const RETRY = 1000; // milliseconds
const TAP = 150; // milliseconds: what a click without a pointer holds the key down
const ARROWS = { ArrowUp: "up", ArrowDown: "down", ArrowLeft: "left", ArrowRight: "right" };
const $ = (id) => document.getElementById(id);
const buttons = [...document.querySelectorAll("#panel-keys button")];
const held = new Set();
let wanted = false;
let socket = null;

export function showPanel(there) {
  if (there === wanted) return;
  wanted = there;
  $("panel").hidden = !there;
  if (there) connect();
  else socket?.close();
}

function connect() {
  if (!wanted || socket) return;
  const line = new WebSocket(`${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/api/panel`);
  line.binaryType = "arraybuffer";
  line.onmessage = ({ data }) => (typeof data === "string" ? show(JSON.parse(data)) : draw(data));
  line.onclose = () => {
    socket = null;
    held.clear();
    show({ there: false });
    setTimeout(connect, RETRY);
  };
  socket = line;
}
addEventListener("pageshow", connect);

// What is seen

function show(seen) {
  $("panel").dataset.there = seen.there;
  $("panel-away").hidden = seen.there;
  for (const button of buttons) {
    button.setAttribute("aria-disabled", !seen.there);
    button.dataset.held = seen.there && seen.keys.includes(button.value);
  }
  $("door-block").hidden = !seen.there || seen.doorOpen === null;
  $("door").checked = Boolean(seen.doorOpen);
  if (!seen.there) return;
  const text = seen.rows.map((row) => row.trim()).filter(Boolean).join(", ");
  $("lcd").setAttribute("aria-label", text || "Graphic display");
  if (seen.width !== $("lcd").width || seen.height !== $("lcd").height) {
    $("lcd").width = seen.width;
    $("lcd").height = seen.height;
    fit();
  }
}

let newest = 0;
async function draw(png) {
  const number = ++newest;
  const picture = await createImageBitmap(new Blob([png], { type: "image/png" }));
  if (number !== newest) return; // a later one was decoded before
  const lcd = $("lcd");
  if (lcd.width !== picture.width || lcd.height !== picture.height) {
    lcd.width = picture.width;
    lcd.height = picture.height;
    fit();
  }
  lcd.getContext("2d").drawImage(picture, 0, 0);
  lcd.dataset.drawn = number;
}

// Whole screen pixels for each of the display's where they fill the room well: then no pixel is
// wider than others. Else the picture is made smooth.
function fit() {
  const lcd = $("lcd");
  const style = getComputedStyle($("bezel"));
  const room = $("bezel").clientWidth - parseFloat(style.paddingLeft) - parseFloat(style.paddingRight);
  if (room <= 0) return;
  const largest = Math.min(room, 560, 300 * lcd.width / lcd.height);
  const whole = Math.floor(largest * devicePixelRatio / lcd.width) * lcd.width / devicePixelRatio;
  const crisp = whole >= 0.7 * largest;
  lcd.style.width = `${crisp ? whole : largest}px`;
  lcd.classList.toggle("smooth", !crisp);
}
new ResizeObserver(fit).observe($("bezel"));

// What a person does

function tell(message) {
  if (socket?.readyState === WebSocket.OPEN) socket.send(JSON.stringify(message));
}

function down(key) {
  if (!key || held.has(key)) return;
  held.add(key);
  tell({ type: "finger", key, down: true });
}

function up(key) {
  if (held.delete(key)) tell({ type: "finger", key, down: false });
}

function liftAll() {
  for (const key of [...held]) up(key);
}

for (const button of buttons) {
  const key = button.value;
  button.onpointerdown = (event) => {
    if (event.button !== 0) return;
    button.releasePointerCapture(event.pointerId); // a finger that slides off the button lifts it
    down(key);
  };
  for (const end of ["pointerup", "pointerleave", "pointercancel"]) {
    button.addEventListener(end, () => up(key));
  }
  button.onblur = () => up(key);
  button.oncontextmenu = (event) => event.preventDefault();
  // Without pointer and keyboard: a screen reader's own click.
  button.onclick = (event) => {
    if (event.detail !== 0 || held.has(key)) return;
    down(key);
    setTimeout(up, TAP, key);
  };
}

function meant(event) {
  if (event.ctrlKey || event.altKey || event.metaKey || event.target === $("door")) return "";
  if (event.key in ARROWS) return ARROWS[event.key];
  if (event.key === "Enter" || event.key === " ") return event.target.value || "ok";
  return "";
}

$("panel").onkeydown = (event) => {
  const key = meant(event);
  if (!key) return;
  event.preventDefault(); // neither scrolls nor clicks
  if (!event.repeat) down(key);
};
$("panel").onkeyup = (event) => {
  const key = meant(event);
  if (!key) return;
  event.preventDefault();
  up(key);
};
$("panel").addEventListener("focusout", (event) => {
  if (!$("panel").contains(event.relatedTarget)) liftAll();
});
$("door").onchange = () => tell({ type: "door", open: $("door").checked });
addEventListener("blur", liftAll);
// A page that is kept for the way back would keep its connection, too.
addEventListener("pagehide", () => { liftAll(); socket?.close(); });
document.addEventListener("visibilitychange", () => { if (document.hidden) liftAll(); });
