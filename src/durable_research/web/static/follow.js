// Keeps a report's page up to date while it is made. Texts of models and people enter by textContent alone.
const root = document.querySelector("[data-follow]");
const id = root.dataset.follow;
const words = JSON.parse(root.dataset.words);
const part = (name, within = document) => within.querySelector(`[data-part="${name}"]`);
const POLL_MS = 2000;
const ANNOUNCE_MS = 5000;
const ROWS_MS = 300;
let skew = 0; // server clock minus ours, so that a countdown is right on a machine whose clock is not
let latest = null;
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

function seconds(ms) {
  return ms < 60000 ? `${(ms / 1000).toFixed(1)} s` : `${Math.floor(ms / 60000)} min ${Math.round((ms % 60000) / 1000)} s`;
}

function detailOf(step) {
  if ((step.state === "running" || step.state === "retrying") && step.attempt) {
    let text = `attempt ${step.attempt}`;
    if (step.worker && step.state === "running") text += ` on ${step.worker}`;
    if (step.last_error && step.state === "retrying") text += `: ${step.last_error.detail}`;
    if (step.next_try_at) {
      const left = Math.ceil((Date.parse(step.next_try_at) - Date.now() - skew) / 1000);
      text += left > 0 ? `; next try in ${left} s` : "; next try now";
    }
    return text;
  }
  if (step.left_out) return step.left_out.charAt(0).toUpperCase() + step.left_out.slice(1);
  if (step.started_at && step.ended_at) {
    const took = seconds(Date.parse(step.ended_at) - Date.parse(step.started_at));
    return step.attempt > 1 ? `${took}, ${step.attempt} attempts` : took;
  }
  return "";
}

// What is undone is no step of the story: it joins the list when it begins.
function addStep({ name }) {
  const item = root.querySelector("[data-step]").cloneNode(true);
  Object.assign(item.dataset, { step: name, label: words.steps[name] ?? name });
  item.className = "step";
  part("name", item).textContent = item.dataset.label;
  root.querySelector(".steps ol").append(item);
  return item;
}

function showSteps() {
  for (const step of latest?.steps ?? []) {
    const item = root.querySelector(`[data-step="${CSS.escape(step.name)}"]`) ?? addStep(step);
    const [shape, word] = words.states[step.state];
    if (!item.classList.contains(step.state)) announce(`${item.dataset.label}: ${word}`);
    item.className = `step ${step.state}`;
    part("shape", item).textContent = shape;
    part("state", item).textContent = word;
    part("detail", item).textContent = detailOf(step);
  }
}

function showStatus() {
  const [shape, word] = words.statuses[latest.status];
  const chip = part("status").firstElementChild;
  const possible = latest.asks?.decisions ?? [];
  const buttons = [...part("decide").querySelectorAll("[data-decision]")];
  for (const button of buttons) button.hidden = !possible.includes(button.dataset.decision);
  part("decide").hidden = buttons.every((button) => button.hidden);
  chip.className = `chip-status ${latest.status}`;
  chip.replaceChildren(Object.assign(document.createElement("span"), { ariaHidden: "true", textContent: shape }), ` ${word}`);
  document.title = document.title.replace(/^\S+/, shape);
  part("retry").hidden = !latest.steps.some((step) => step.next_try_at);
  const waits = latest.waits_for?.what ?? "";
  part("waits").hidden = !waits;
  part("waits-words").textContent = waits.charAt(0).toUpperCase() + waits.slice(1);
  const mends = latest.asks?.remedy?.words ?? "";
  part("mends").hidden = !mends;
  part("mends-words").textContent = mends;
  part("cancel").hidden = Boolean(latest.asks?.remaining_undos?.length);
  if (latest.cancel_requested) Object.assign(part("cancel"), { disabled: true, textContent: "Cancelling…" });
  const live = latest.workers.live;
  part("lamp-words").textContent = live ? `${live} worker${live === 1 ? "" : "s"}` : "no worker";
  part("lamp").className = `lamp ${live ? "on" : "off"}`;
  part("lamp").firstElementChild.textContent = live ? "●" : "○";
}

let asking = false;
async function refresh() {
  if (asking || document.hidden) return;
  asking = true;
  try {
    const answer = await fetch(`/api/workflows/${id}/status`, { headers: { Accept: "application/json" } });
    if (!answer.ok) return;
    skew = Date.parse(answer.headers.get("Date")) - Date.now() || 0;
    latest = await answer.json();
    showSteps();
    showStatus();
    if (["done", "partly_done", "failed", "cancelled", "terminated"].includes(latest.status)) location.reload();
  } catch {
    // Out of reach: the stream says so, and the next try comes by itself.
  } finally {
    asking = false;
  }
}

// The server folds attempts into rows, so they are read from the page that it makes.
let rowsAsked = false;
async function refreshAttempts() {
  if (rowsAsked) return;
  rowsAsked = true;
  await new Promise((done) => { setTimeout(done, ROWS_MS); });
  rowsAsked = false; // what comes from here on may be missing in the answer
  try {
    const answer = await fetch(location.pathname, { headers: { Accept: "text/html" } });
    if (!answer.ok) return;
    const made = new DOMParser().parseFromString(await answer.text(), "text/html");
    part("attempts").replaceChildren(...part("attempts", made).rows);
    part("attempts-box").hidden = part("attempts-box", made).hidden;
  } catch {
    // As below: the stream says so, and its next event asks again.
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

// Who has typed into the draft means their own text: approving the model's would drop it without a word.
const edited = document.querySelector("#approval-text:not([readonly])");
edited?.addEventListener("input", () => {
  const isChanged = edited.value !== edited.defaultValue;
  edited.form.querySelector('button[value="approve"]').disabled = isChanged;
  part("edited").hidden = !isChanged;
});

const stream = new EventSource(`/api/workflows/${id}/events?after=${root.dataset.after}`);
for (const kind of words.attempts) {
  stream.addEventListener(kind, () => { refreshAttempts(); refresh(); });
}
stream.addEventListener("draft", (message) => showDraft(JSON.parse(message.data)));
stream.addEventListener("cancel_requested", refresh);
// The draft and its form are the server's to write. A reminder changes nothing that somebody may be typing into.
for (const kind of ["approval_asked", "approval_given", "approval_refused", "approval_expired"]) {
  stream.addEventListener(kind, () => location.reload());
}
stream.addEventListener("closed", () => { stream.close(); location.reload(); });
stream.addEventListener("open", () => { part("offline").hidden = true; });
stream.addEventListener("error", () => { part("offline").hidden = false; });
setInterval(refresh, POLL_MS);
setInterval(showSteps, 1000);
refresh();
