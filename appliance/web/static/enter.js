// Waits until a person at the device confirmed the number.
"use strict";

const page = document.querySelector(".enter").dataset;
const POLL = 1500; // ms
const here = `/enter?to=${encodeURIComponent(page.to)}`;

async function look() {
  let answer;
  try {
    const response = await fetch("/enter/state", { cache: "no-store" });
    answer = await response.json();
  } catch {
    return; // the device is away for a moment
  }
  if (answer.asking === "admitted") location.replace(page.to);
  else if (answer.asking === "gone") location.replace(page.asking === "shown" ? `${here}&wait` : here);
  else if (answer.asking !== page.asking || (answer.code || "") !== (page.code || "")) location.replace(`${here}&wait`);
  else return;
  clearInterval(timer);
}

const timer = page.asking ? setInterval(look, POLL) : 0;
