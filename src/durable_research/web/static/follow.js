// Keeps a report's page up to date while it is made. The server makes every text of the page, so that it reads the same with a
// script and without; here are only the time until a next try, and the draft, which enters by textContent alone.
import { duration } from "./durations.js";

const root = document.querySelector("[data-follow]");
const id = root.dataset.follow;
const FINAL = root.dataset.final.split(" ");
const part = (name, within = document) => within.querySelector(`[data-part="${name}"]`);
// The parts of the page that may change while a person reads; a part that has not changed stays, with the focus that it may have.
const MOVING = ["status", "decide", "retry", "cancel", "waits", "lamp", "steps", "attempts"];
const POLL_MS = 2000;
const ANNOUNCE_MS = 5000;
const READ_MS = 300;
let skew = 0; // server clock minus ours, so that a countdown is right on a machine whose clock is not
let seen = "";
let announced = 0;
let waiting = null;

part("refresh").hidden = true;

function announce(text) {
  clearTimeout(waiting);
  waiting = setTimeout(() => {
    part("announce").textContent = text;
    announced = Date.now();
  }, Math.max(0, announced + ANNOUNCE_MS - Date.now()));
}

function announceSteps(made) {
  for (const item of made.querySelectorAll("[data-step]")) {
    const old = root.querySelector(`[data-step="${CSS.escape(item.dataset.step)}"]`);
    if (old?.className !== item.className) announce(`${part("name", item).textContent}: ${part("state", item).textContent}`);
  }
}

function countDown(within = document) {
  for (const time of within.querySelectorAll("[data-countdown]")) {
    const left = (Date.parse(time.dateTime) - Date.now() - skew) / 1000;
    time.textContent = left > 0 ? `in ${duration(left)}` : "now";
  }
}

function show(made) {
  announceSteps(made);
  countDown(made);
  for (const name of MOVING) {
    const [old, now] = [part(name), part(name, made)];
    if (old && now && !old.isEqualNode(now)) old.replaceWith(now);
  }
  part("attempts-box").hidden = part("attempts-box", made).hidden;
  document.title = made.title;
}

// Several events come together where an attempt ends and the next begins.
let isDue = false;
let requested = 0;
let shown = 0;
async function readPage() {
  if (isDue) return;
  isDue = true;
  await new Promise((done) => { setTimeout(done, READ_MS); });
  isDue = false; // what comes from here on may be missing in the answer
  const number = ++requested;
  try {
    const answer = await fetch(location.pathname, { headers: { Accept: "text/html" } });
    const text = await answer.text();
    if (!answer.ok) {
      seen = "";
    } else if (number > shown) { // an answer that a newer one has overtaken would take the page back
      shown = number;
      show(new DOMParser().parseFromString(text, "text/html"));
    }
  } catch {
    seen = ""; // out of reach: the stream shows it, and the next poll reads the page again
  }
}

// Not everything that changes is an event: workers come and go, and only the engine has the time of the next try.
let polling = false;
async function refresh() {
  if (polling || document.hidden) return;
  polling = true;
  try {
    const answer = await fetch(`/api/workflows/${id}/status`, { headers: { Accept: "application/json" } });
    if (!answer.ok) return;
    skew = Date.parse(answer.headers.get("Date")) - Date.now() || 0;
    const text = await answer.text();
    if (FINAL.includes(JSON.parse(text).status)) location.reload();
    else if (text !== seen) readPage();
    seen = text;
  } catch {
    // Out of reach: the stream shows it, and the next poll comes by itself.
  } finally {
    polling = false;
  }
}

function showDraft({ attempt, text }) {
  const pane = part("draft-text");
  const atEnd = pane.scrollHeight - pane.scrollTop - pane.clientHeight < 40;
  part("draft").hidden = false;
  part("draft-note").textContent = attempt > 1 ? `attempt ${attempt}` : "as it is written";
  pane.textContent = text;
  if (atEnd) pane.scrollTop = pane.scrollHeight;
}

// A person who has typed into the draft wants that text: approving the model's would drop it silently.
const edited = document.querySelector("#approval-text:not([readonly])");
edited?.addEventListener("input", () => {
  const isChanged = edited.value !== edited.defaultValue;
  edited.form.querySelector('button[value="approve"]').disabled = isChanged;
  part("edited").hidden = !isChanged;
});

const stream = new EventSource(`/api/workflows/${id}/events?after=${root.dataset.after}`);
for (const kind of root.dataset.kinds.split(" ")) stream.addEventListener(kind, readPage);
stream.addEventListener("draft", (message) => showDraft(JSON.parse(message.data)));
stream.addEventListener("cancel_requested", readPage);
// The server writes the draft and its form. A reminder changes no field into which a person may be typing.
for (const kind of ["approval_asked", "approval_given", "approval_refused", "approval_expired"]) {
  stream.addEventListener(kind, () => location.reload());
}
stream.addEventListener("closed", () => { stream.close(); location.reload(); });
stream.addEventListener("open", () => { part("offline").hidden = true; });
stream.addEventListener("error", () => { part("offline").hidden = false; });
setInterval(refresh, POLL_MS);
setInterval(countDown, 1000);
refresh();
