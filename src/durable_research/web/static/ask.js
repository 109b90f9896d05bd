// Comforts of the question form; it works without any of them.
const form = document.querySelector('[data-form="ask"]');
const box = form.querySelector("textarea");
const count = form.querySelector('[data-part="count"]');
const button = form.querySelector('button[type="submit"]');
const words = button.textContent;

// Code points, as the server counts, and not UTF-16 units.
const showCount = () => { count.textContent = [...box.value].length.toLocaleString("en"); };

form.addEventListener("click", (event) => {
  const chip = event.target.closest("[data-example]");
  if (!chip) return;
  event.preventDefault();
  box.value = chip.textContent;
  box.focus();
  showCount();
});

box.addEventListener("input", showCount);
box.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.metaKey || event.ctrlKey)) form.requestSubmit();
});

// The hidden token makes a second submit harmless; this only shows that the first one counts.
form.addEventListener("submit", () => {
  button.setAttribute("aria-busy", "true");
  button.textContent = "Starting…";
  setTimeout(() => { button.disabled = true; });
});
// Going back shows the page as it was left, busy button included.
addEventListener("pageshow", () => {
  button.disabled = false;
  button.removeAttribute("aria-busy");
  button.textContent = words;
  showCount();
});

// Without a script the form's times are UTC, as the page says; with one, they are in the browser's own time zone.
const zone = form.querySelector("[data-own-zone]");
if (zone) zone.value = Intl.DateTimeFormat().resolvedOptions().timeZone ?? zone.value;

document.getElementById("errors")?.focus();
showCount();
