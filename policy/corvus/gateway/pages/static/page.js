// Keeps a page up to date: one stream, or asking again when the stream is cut off.
const { live, run, number } = document.body.dataset;
const part = document.getElementById("live");
const headline = document.getElementById("headline");
const lost = document.getElementById("lost");
const ASK_MS = 5000;
let shown = { run, number: Number(number) };
let asking;

function apply(text) {
  const next = JSON.parse(text);
  alive();
  // A late answer never replaces a newer one; after a restart of the gateway, numbers start again.
  if (next.run === shown.run && next.number <= shown.number) return;
  shown = next;
  const focused = document.activeElement?.id;
  const open = [...part.querySelectorAll("details[open]")].map((one) => one.id);
  part.innerHTML = next.html;
  for (const id of open) document.getElementById(id)?.setAttribute("open", "");
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

let stream;
if ("EventSource" in window) {
  stream = new EventSource(live);
  stream.onmessage = (event) => {
    clearTimeout(asking);
    asking = undefined;
    apply(event.data);
  };
  stream.addEventListener("ended", end);
  stream.onerror = askInstead;
} else {
  askInstead();
}
addEventListener("pagehide", () => stream?.close());
addEventListener("pageshow", (event) => event.persisted && location.reload());
