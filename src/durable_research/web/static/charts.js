// Draws each chart from the table behind it, so that both always show the same; without this script there are the tables.
import { duration } from "./durations.js";

const HEIGHT = 190;
const DASHES = [[], [8, 4], [2, 3], [10, 3, 2, 3], [5, 2], [1, 4], [12, 5], [6, 2, 2, 2]];
const plots = [...document.querySelectorAll("[data-chart]")];
let drawn = [];

// A token's colour, as the canvas can use it: a token may be `light-dark(…)`.
function colour(name) {
  const probe = document.body.appendChild(document.createElement("span"));
  probe.style.color = `var(--${name})`;
  const found = getComputedStyle(probe).color;
  probe.remove();
  return found;
}

function words(value, unit) {
  if (value === null || value === undefined) return "none";
  return unit === "seconds" ? duration(value) : value.toLocaleString("en", { maximumFractionDigits: 2 });
}

// Times are UTC, as everywhere on the pages; a day's beginning has the day's name.
const clock = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", timeZone: "UTC" });
const day = new Intl.DateTimeFormat("en-GB", { weekday: "short", timeZone: "UTC" });
function time(seconds) {
  const at = new Date(seconds * 1000);
  return seconds % 86400 === 0 ? day.format(at) : clock.format(at);
}

// A value without neighbours is no line, so it is a point.
function alone(plot, place) {
  const values = plot.data[place];
  return values.flatMap((value, at) => (value !== null && (values[at - 1] ?? null) === null && (values[at + 1] ?? null) === null ? [at] : []));
}

function dataOf(table) {
  const rows = [...table.tBodies[0].rows];
  const columns = [rows.map((row) => Number(row.cells[0].dataset.at))];
  for (let place = 1; place < rows[0].cells.length; place += 1) {
    columns.push(rows.map((row) => ("value" in row.cells[place].dataset ? Number(row.cells[place].dataset.value) : null)));
  }
  return columns;
}

function draw(box) {
  const { chart, unit } = box.dataset;
  const data = dataOf(document.getElementById(`${chart}-table`));
  const legend = [...box.parentElement.querySelectorAll("[data-line]")];
  const values = legend.map((line) => line.querySelector('[data-part="value"]'));
  const summaries = values.map((one) => (one.dataset.summary ??= one.textContent));
  const axis = { stroke: colour("quiet"), grid: { stroke: colour("line"), width: 1 }, ticks: { show: false }, font: "12px system-ui, sans-serif" };
  const options = {
    width: box.clientWidth,
    height: HEIGHT,
    legend: { show: false },
    cursor: { drag: { x: false, y: false }, points: { size: 7 } },
    scales: { y: { range: (_, low, high) => [0, high > 0 ? high * 1.1 : 1] } },
    tzDate: (seconds) => window.uPlot.tzDate(new Date(seconds * 1000), "Etc/UTC"),
    axes: [
      { ...axis, values: (_, ticks) => ticks.map(time) },
      { ...axis, size: 64, values: (_, ticks) => ticks.map((tick) => words(tick, unit)) },
    ],
    series: [
      {},
      ...legend.map((line, place) => {
        const stroke = getComputedStyle(line.querySelector(".swatch")).borderTopColor;
        return { stroke, width: 2, dash: DASHES[place % DASHES.length], spanGaps: false, points: { show: true, size: 7, fill: stroke, filter: alone } };
      }),
    ],
    hooks: {
      setCursor: [(plot) => {
        const at = plot.cursor.idx;
        const isInside = plot.cursor.left >= 0 && at !== null && at !== undefined;
        values.forEach((one, place) => { one.textContent = isInside ? words(data[place + 1][at], unit) : summaries[place]; });
      }],
    },
  };
  return new window.uPlot(options, data, box);
}

function drawAll() {
  drawn.forEach((plot) => plot.destroy());
  drawn = plots.map(draw);
}

drawAll();
let width = innerWidth;
addEventListener("resize", () => {
  if (innerWidth === width) return; // a phone's address bar
  width = innerWidth;
  drawn.forEach((plot, place) => plot.setSize({ width: plots[place].clientWidth, height: HEIGHT }));
});
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", drawAll);
