"use strict";
// Values under the pointer, and a slider instead of the list of samples. The page is whole without.
for (const area of document.querySelectorAll(".area")) {
  const ends = area.dataset.ends.split(" ");
  const of = (i, place) => {
    const [low, high] = [Number(ends[i]), Number(ends[i + 1])];
    return ends[i + 2] === "log" ? low * Math.pow(high / low, place) : low + place * (high - low);
  };
  const curves = [...area.querySelectorAll("[data-label]")].map((each) => ({
    label: each.dataset.label,
    points: (each.getAttribute("points") || each.dataset.points)
      .split(" ").map((pair) => pair.split(",").map(Number)),
  }));
  const number = (value) =>
    value !== 0 && Math.abs(value) < 0.001 ? value.toExponential(2)
      : Math.abs(value) >= 100 ? Math.round(value).toLocaleString("en")
        : value.toFixed(3);
  const time = (value) => {
    const s = Math.round(value), two = (n) => String(n).padStart(2, "0");
    return s >= 3600 ? `${Math.floor(s / 3600)}:${two(Math.floor(s / 60) % 60)}:${two(s % 60)}`
      : `${Math.floor(s / 60)}:${two(s % 60)}`;
  };
  const cross = Object.assign(document.createElement("div"), { className: "cross", hidden: true });
  const tip = Object.assign(document.createElement("div"), { className: "tip", hidden: true });
  area.append(cross, tip);
  const line = (name, value) => {
    const row = document.createElement("div"), bold = document.createElement("b");
    bold.textContent = value;
    row.append(bold, name);
    return row;
  };
  area.addEventListener("pointermove", (event) => {
    const box = area.getBoundingClientRect();
    const place = Math.min(1, Math.max(0, (event.clientX - box.left) / box.width));
    const near = curves.map((curve) => curve.points.reduce(
      (a, b) => Math.abs(b[0] - place * 10000) < Math.abs(a[0] - place * 10000) ? b : a));
    const x = of(0, near[0][0] / 10000);
    tip.replaceChildren(
      line(area.dataset.title, area.dataset.x === "time" ? time(x) : Math.round(x).toLocaleString("en")),
      ...curves.map((curve, i) => line(curve.label, number(of(3, 1 - near[i][1] / 10000)))));
    cross.hidden = tip.hidden = false;
    cross.style.left = `${near[0][0] / 100}%`;
    tip.style.left = place < 0.5 ? `calc(${near[0][0] / 100}% + 10px)` : "auto";
    tip.style.right = place < 0.5 ? "auto" : `calc(${100 - near[0][0] / 100}% + 10px)`;
  });
  area.addEventListener("pointerleave", () => { cross.hidden = tip.hidden = true; });
}
for (const list of document.querySelectorAll(".samples")) {
  const items = [...list.children];
  if (items.length < 2) continue;
  const box = Object.assign(document.createElement("div"), { className: "slider" });
  const range = Object.assign(document.createElement("input"), {
    type: "range", min: 0, max: items.length - 1, value: items.length - 1 });
  range.setAttribute("aria-label", "sample");
  const said = document.createElement("output");
  const show = () => {
    items.forEach((item, i) => { item.hidden = i !== Number(range.value); });
    said.textContent = `step ${items[range.value].dataset.step}`;
  };
  range.addEventListener("input", show);
  box.append(range, said);
  list.before(box);
  show();
}
