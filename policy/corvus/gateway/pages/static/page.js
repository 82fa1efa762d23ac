// Keeps a page up to date: one stream, or asking again when the stream is cut off. Every page has
// it, for the back button, a second click and a picker that is left; without it all pages work.
const { live, run, number } = document.body.dataset;
const part = document.getElementById("live");
const headline = document.getElementById("headline");
const lost = document.getElementById("lost");
const pause = document.getElementById("pause");
const ASK_MS = 5000;
let shown = { run, number: Number(number) };
let asking, latest, stream;

function apply(text) {
  alive();
  latest = JSON.parse(text);
  if (pause.getAttribute("aria-pressed") !== "true") show(latest);
}

function show(next) {
  // A late answer never replaces a newer one; after a restart of the gateway, numbers start again.
  if (next.run === shown.run && next.number <= shown.number) return;
  shown = next;
  const focused = document.activeElement?.id;
  const open = [...part.querySelectorAll("details[open]")].map((one) => one.id);
  const moved = [...part.querySelectorAll(".scroll")].map((one) => [one.scrollLeft, one.scrollTop]);
  part.innerHTML = next.html;
  for (const id of open) document.getElementById(id)?.setAttribute("open", "");
  part.querySelectorAll(".scroll").forEach((one, place) => one.scrollTo(...(moved[place] ?? [0, 0])));
  if (focused && document.activeElement?.id !== focused) {
    document.getElementById(focused)?.focus({ preventScroll: true });
  }
  if (headline.textContent !== next.headline) headline.textContent = next.headline;
}

function alive() {
  lost.hidden = true;
}

function tell(text, canLogIn) {
  lost.querySelector("span").textContent = text;
  lost.querySelector("a").hidden = !canLogIn;
  lost.hidden = false;
}

function end() {
  clearTimeout(asking);
  stream?.close();
  tell(lost.dataset.ended, true);
}

async function ask() {
  let trouble = lost.dataset.lost;
  try {
    const answer = await fetch(live.replace("/live?", "/live/once?"), { cache: "no-store" });
    if (answer.status === 401) return end();
    if (answer.status === 503) trouble = lost.dataset.store;
    if (!answer.ok) throw new Error(answer.status);
    apply(await answer.text());
  } catch {
    tell(trouble, false);
  }
  asking = setTimeout(ask, ASK_MS);
}

function askInstead() {
  if (asking === undefined) asking = setTimeout(ask, 1000);
}

function follow() {
  pause.hidden = false;
  pause.addEventListener("click", () => {
    const isPaused = pause.getAttribute("aria-pressed") !== "true";
    pause.setAttribute("aria-pressed", isPaused);
    pause.lastElementChild.textContent = isPaused ? pause.dataset.off : pause.dataset.on;
    if (!isPaused && latest) show(latest);
  });
  if (!("EventSource" in window)) return askInstead();
  stream = new EventSource(live);
  stream.onmessage = (event) => {
    clearTimeout(asking);
    asking = undefined;
    apply(event.data);
  };
  stream.addEventListener("ended", end);
  stream.onerror = askInstead;
}

if (live) follow();
addEventListener("pagehide", () => stream?.close());
addEventListener("pageshow", (event) => event.persisted && location.reload());

// A form is sent once, however often its button is pressed.
let isSent = false;
addEventListener("submit", (event) => {
  if (event.target.method !== "post") return;
  if (isSent) event.preventDefault();
  isSent = true;
});

// A picker closes when it is left, as a menu does.
const picker = document.getElementById("span");
addEventListener("keydown", (event) => {
  if (event.key !== "Escape" || !picker?.open) return;
  picker.open = false;
  picker.querySelector("summary").focus();
});
addEventListener("click", (event) => {
  if (picker?.open && !picker.contains(event.target)) picker.open = false;
});
