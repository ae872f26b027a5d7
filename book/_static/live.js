// Draws the live figures of a page, each from the table that stands beside it, and moves them by
// sliders and lists. Without scripts, and on paper, the picture of the first frame is shown instead.
(() => {
  "use strict";

  const SVG = "http://www.w3.org/2000/svg";
  const FONT = 13; // px, at every width
  const DASHES = { "--": "7 4", ":": "1.5 3.5", "-.": "8 3 1.5 3" };
  const WIDTH = { points: 1.4, rule: 1.8, line: 2.2 };

  function make(name, attributes = {}, children = []) {
    const element = document.createElementNS(SVG, name);
    for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
    element.append(...children);
    return element;
  }

  function html(name, properties = {}, children = []) {
    const element = Object.assign(document.createElement(name), properties);
    element.append(...children);
    return element;
  }

  const text = (words, x, y, anchor = "middle", weight = "normal") =>
    make("text", { x, y, "text-anchor": anchor, "font-weight": weight }, [words]);
  const short = (number) => Math.round(10 * number) / 10;

  // From a number to its place between two pixels; what lies outside is cut off by the panel.
  function scale({ low, high, log }, from, to) {
    const measure = log ? (value) => Math.log(Math.max(value, 1e-300)) : Number;
    const [start, end] = [measure(low), measure(high)];
    const far = 4 * Math.abs(to - from);
    return (value) => {
      if (value === null) return null;
      const at = from + ((measure(value) - start) / (end - start)) * (to - from);
      return short(Math.min(Math.max(at, -far), far));
    };
  }

  const SYMBOLS = {
    o: "M-4 0a4 4 0 1 0 8 0a4 4 0 1 0-8 0z",
    s: "M-3.6-3.6h7.2v7.2h-7.2z",
    D: "M0-4.8 4.8 0 0 4.8-4.8 0z",
    "^": "M0-4.6 4.6 3.8h-9.2z",
    v: "M0 4.6 4.6-3.8h-9.2z",
    x: "M-4-4 4 4M-4 4 4-4",
    "+": "M-5 0H5M0-5V5",
    _: "M-5 0H5",
  };

  // Each shape: the paths of one mark, from its columns and the scales of its panel.
  const SHAPES = {
    line([xs, ys], x, y) {
      let pen = "M";
      const steps = xs.map((value, i) => {
        const [across, down] = [x(value), y(ys[i])];
        const step = across === null || down === null ? "" : `${pen}${across} ${down}`;
        pen = step ? "L" : "M";
        return step;
      });
      return [make("path", { d: steps.join(""), class: "stroke" })];
    },
    points([xs, ys, errors = []], x, y, mark, low) {
      const bars = xs.map((value, i) => {
        if (ys[i] === null || !errors[i]) return "";
        return `M${x(value)} ${y(Math.max(ys[i] - errors[i], low))}V${y(ys[i] + errors[i])}`;
      });
      const found = xs.map((value, i) =>
        ys[i] === null
          ? ""
          : make("path", {
              d: SYMBOLS[mark.marker],
              class: "x+_".includes(mark.marker) ? "stroke" : "dot",
              transform: `translate(${x(value)} ${y(ys[i])})`,
            }),
      );
      return [make("path", { d: bars.join(""), class: "stroke" }), ...found];
    },
    band([xs, lows, highs], x, y) {
      const there = xs.map((value, i) => `${x(value)} ${y(highs[i])}`);
      const back = xs.map((value, i) => `${x(value)} ${y(lows[i])}`).reverse();
      return [make("path", { d: `M${[...there, ...back].join("L")}z`, class: "veil" })];
    },
    spread([xs, lows, highs], x, y) {
      const bars = xs.map((value, i) =>
        lows[i] === null ? "" : `M${x(value)} ${y(lows[i])}V${y(highs[i])}`,
      );
      return [make("path", { d: bars.join(""), class: "stroke haze" })];
    },
    bars([lefts, rights, heights], x, y) {
      const boxes = lefts.map(
        (left, i) => `M${x(left)} ${y(0)}V${y(heights[i])}H${x(rights[i])}V${y(0)}z`,
      );
      return [make("path", { d: boxes.join(""), class: "fill" })];
    },
    rule([xs], x, y, mark, low, high) {
      const lines = xs.map((value) => `M${x(value)} ${y(low)}V${y(high)}`);
      return [make("path", { d: lines.join(""), class: "stroke" })];
    },
    span([lefts, rights], x, y, mark, low, high) {
      const boxes = lefts.map(
        (left, i) => `M${x(left)} ${y(low)}V${y(high)}H${x(rights[i])}V${y(low)}z`,
      );
      return [make("path", { d: boxes.join(""), class: "veil" })];
    },
  };

  // A map of patches: squares, borders between areas, and a cross on the patch that looks.
  function cells([values, areas, places], { low, high }, width, colors) {
    const side = Math.round(Math.sqrt(values.length));
    const step = width / side;
    const level = scale({ low, high, log: true }, 0, colors.length - 1);
    const edge = (k) => Math.round(k * step); // whole pixels, or the ground shines through
    const squares = values.map((value, i) => {
      const [row, column] = [Math.floor(i / side), i % side];
      return make("rect", {
        x: edge(column),
        y: edge(row),
        width: edge(column + 1) - edge(column),
        height: edge(row + 1) - edge(row),
        fill: colors[Math.round(Math.min(Math.max(level(value), 0), colors.length - 1))],
      });
    });
    const borders = values.map((_, i) => {
      const [row, column] = [Math.floor(i / side), i % side];
      const right = column + 1 < side && areas[i] !== areas[i + 1];
      const below = row + 1 < side && areas[i] !== areas[i + side];
      return (
        (right ? `M${edge(column + 1)} ${edge(row)}V${edge(row + 1)}` : "") +
        (below ? `M${edge(column)} ${edge(row + 1)}H${edge(column + 1)}` : "")
      );
    });
    const [row, column] = [Math.floor(places[0] / side), places[0] % side];
    const at = `translate(${short((column + 0.5) * step)} ${short((row + 0.5) * step)})`;
    return [
      ...squares,
      make("path", { d: borders.join(""), class: "border" }),
      make("path", { d: SYMBOLS.x, transform: at, class: "halo" }),
      make("path", { d: SYMBOLS.x, transform: at, class: "cross" }),
    ];
  }

  const inFrame = (mark, frame) =>
    mark.columns.map((column) => column[column.length > 1 ? frame : 0]);

  function group(mark, children) {
    const paint = `--light:${mark.color};--dark:${mark.dark}`;
    const look = { style: paint, "data-shape": mark.shape, "stroke-width": WIDTH[mark.shape] ?? 1 };
    const dash = mark.shape !== "points" && DASHES[mark.style];
    return make("g", dash ? { ...look, "stroke-dasharray": dash } : look, children);
  }

  // Numbers along an axis; those that would touch the one before are left out.
  function numbers(axis, place, room, draw) {
    let last = -Infinity;
    return axis.ticks.flatMap(([value, words]) => {
      const at = place(value);
      const half = room * (words.length / 2);
      if (at - half < last + 4) return [draw(at, "")];
      last = at + half;
      return [draw(at, words)];
    });
  }

  function panelOf(panel, frame, left, top, width, colors) {
    const made = [];
    let y0 = top;
    const head = (words, weight = "normal") => {
      y0 += FONT + 5;
      made.push(text(words, left, y0 - 6, "start", weight));
    };
    const map = panel.marks.find((mark) => mark.shape === "cells");
    if (panel.title) head(panel.title, map ? "normal" : "bold");
    if (map) {
      const view = { x: left, y: y0, width: width, height: width };
      made.push(make("svg", view, cells(inFrame(map, frame), panel.y, width, colors)));
      return [made, y0 + width + 8];
    }
    head(panel.y.label);
    y0 += 4;
    const margin = 10 + 0.6 * FONT * Math.max(...panel.y.ticks.map((tick) => tick[1].length));
    const [plot, height] = [width - margin - 8, Math.min(Math.max(0.62 * width, 190), 300)];
    const x = scale(panel.x, 0, plot);
    const y = scale(panel.y, height, 0);
    const inside = panel.marks.map((mark) => {
      const columns = inFrame(mark, frame);
      const { low, high } = panel.y;
      return group(mark, columns[0].length ? SHAPES[mark.shape](columns, x, y, mark, low, high) : []);
    });
    const [x0, bottom] = [left + margin, y0 + height];
    made.push(
      make("svg", { x: x0, y: y0, width: plot, height, class: "plot" }, inside),
      make("path", { d: `M${x0} ${y0}V${bottom}H${x0 + plot}`, class: "axis" }),
      ...numbers(panel.x, x, 0.6 * FONT, (at, words) =>
        make("g", { transform: `translate(${short(x0 + at)} ${bottom})` }, [
          make("path", { d: "M0 0v4", class: "axis" }),
          text(words, 0, FONT + 6),
        ]),
      ),
      ...panel.y.ticks.map(([value, words]) =>
        make("g", { transform: `translate(${x0} ${short(y0 + y(value))})` }, [
          make("path", { d: "M0 0h-4", class: "axis" }),
          text(words, -7, FONT / 3, "end"),
        ]),
      ),
      text(panel.x.label, x0 + plot / 2, bottom + 2 * FONT + 12),
    );
    return [made, bottom + 2 * FONT + 24];
  }

  function drawing(table, frame, width) {
    const maps = table.colors.length > 0;
    const longest = Math.max(...table.panels.map((panel) => panel.x.label.length));
    const least = maps ? 130 : Math.max(200, 0.55 * FONT * longest);
    const gap = maps ? 10 : 18;
    const room = Math.floor((width + gap) / (least + gap));
    const columns = Math.max(1, Math.min(table.columns, table.panels.length, room));
    const each = Math.min((width - (columns - 1) * gap) / columns, maps ? 240 : 620);
    const start = (width - columns * each - (columns - 1) * gap) / 2;
    let [top, next] = [2, 2];
    const all = table.panels.flatMap((panel, i) => {
      if (i % columns === 0) top = next;
      const left = start + (i % columns) * (each + gap);
      const [made, end] = panelOf(panel, frame, left, top, each, table.colors);
      next = Math.max(next, end);
      return made;
    });
    return [all, next];
  }

  // One entry a name; marks that share it are drawn over each other.
  function legend(table) {
    const names = new Map();
    for (const mark of table.panels.flatMap((panel) => panel.marks)) {
      if (!mark.name) continue;
      const known = names.get(mark.name) ?? new Map();
      names.set(mark.name, known.set(mark.shape === "span" ? "band" : mark.shape, mark));
    }
    const x = (value) => value;
    const sample = {
      line: [[1, 27], [8, 8]],
      points: [[14], [8], [5]],
      band: [[1, 27], [1, 1], [15, 15]],
      spread: [[14], [0], [16]],
      bars: [[4, 11, 18], [10, 17, 24], [8, 14, 10]],
      rule: [[14]],
      span: [[6], [22]],
    };
    const items = [...names].map(([name, marks]) => {
      const drawn = [...marks.values()].map((mark) =>
        group(mark, SHAPES[mark.shape](sample[mark.shape], x, (v) => 16 - v, mark, 0, 16)),
      );
      const sign = { width: 28, height: 16, viewBox: "0 0 28 16", "aria-hidden": "true" };
      return html("li", {}, [make("svg", sign, drawn), name]);
    });
    return html("ul", { className: "mssl-legend" }, items);
  }

  function colorScale({ panels, colors }) {
    const { label, low, high, ticks } = panels[0].y;
    const at = scale({ low, high, log: true }, 0, 100);
    const bar = html("div", { className: "mssl-colors" });
    bar.style.background = `linear-gradient(to right, ${colors.join(",")})`;
    const marks = ticks.map(([value, words]) => {
      const mark = html("span", { textContent: words });
      mark.style.left = `${at(value)}%`;
      return mark;
    });
    return html("div", { className: "mssl-scale" }, [
      bar,
      html("div", { className: "mssl-ticks" }, marks),
      html("div", { textContent: label }),
    ]);
  }

  // A slider along numbers or a list of words; either says what it moves, and where it stands.
  function control(choice, identifier, moved) {
    const label = html("label", { htmlFor: identifier, textContent: choice.label });
    if (choice.words) {
      const options = choice.texts.map((words, value) =>
        html("option", { value, textContent: words, selected: value === choice.first }),
      );
      const list = html("select", { id: identifier, className: "form-select" }, options);
      list.addEventListener("change", moved);
      return [list, html("div", { className: "mssl-control" }, [label, list]), () => {}];
    }
    const slider = html("input", {
      type: "range", id: identifier, min: 0, max: choice.texts.length - 1, step: 1,
      value: choice.first,
    });
    const shown = html("output", { htmlFor: identifier });
    shown.setAttribute("aria-live", "off"); // the slider itself says its value
    slider.addEventListener("input", moved);
    const say = (note) => {
      const words = choice.texts[slider.value];
      shown.textContent = words;
      slider.setAttribute("aria-valuetext", note ? `${words}. ${note}` : words);
    };
    return [slider, html("div", { className: "mssl-control" }, [label, shown, slider]), say];
  }

  function start(source) {
    const table = JSON.parse(source.textContent);
    const figure = source.closest("figure");
    const alt = figure.querySelector(".mssl-picture img").alt;
    const picture = make("svg", { role: "img" });
    const note = html("p", { className: "mssl-note" });
    const controls = table.choices.map((choice, i) =>
      control(choice, `${figure.id}-move-${i}`, () => draw()),
    );
    let width = 0;

    function draw() {
      const frame = controls.reduce(
        (index, [input], i) => index * table.choices[i].texts.length + Number(input.value), 0,
      );
      const words = table.notes[frame] ?? "";
      note.textContent = words;
      controls.forEach(([, , say]) => say(words));
      const chosen = controls.map(
        ([input], i) => `${table.choices[i].label}: ${table.choices[i].texts[input.value]}.`,
      );
      picture.setAttribute("aria-label", [alt, "Now shown:", ...chosen, words].join(" ").trim());
      const [all, height] = drawing(table, frame, width);
      picture.setAttribute("viewBox", `0 0 ${width} ${Math.ceil(height)}`);
      picture.setAttribute("height", Math.ceil(height));
      picture.replaceChildren(...all);
    }

    const key = table.colors.length ? colorScale(table) : legend(table);
    const place = html("div", { className: "mssl-live" }, [
      html("div", { className: "mssl-controls" }, controls.map(([, whole]) => whole)),
      picture,
      key,
      note,
    ]);
    note.hidden = !table.notes.length;
    source.after(place);
    figure.classList.add("is-live");
    new ResizeObserver(([{ contentRect }]) => {
      const found = Math.floor(contentRect.width);
      if (!found || found === width) return;
      width = found;
      draw();
    }).observe(place);
  }

  document.querySelectorAll("figure script.mssl-table").forEach(start);
})();
