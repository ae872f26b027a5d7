// What is wider than its box scrolls in it. Here such a box learns to say so: it is marked on each
// side where more of it waits, and takes the focus of the keyboard for as long as it scrolls.
(() => {
  const WIDE = "div.math > mjx-container, span.math, table, pre, .cell_output .output";
  const OVERHANG = 4; // pixels by which a slanted letter may lean out of its box

  const nameOf = (box) => {
    const number = box.parentElement.querySelector(":scope > .eqno")?.firstChild?.textContent;
    if (box.matches("mjx-container, .math")) return number ? `Equation ${number.trim()}` : "Formula";
    return box.matches("pre") ? "Code" : "Output";
  };

  const mark = (box) => {
    const style = getComputedStyle(box);
    const more = style.overflowX === "visible" ? 0 : box.scrollWidth - box.clientWidth;
    const scrolls = more > OVERHANG;
    box.classList.toggle("more-left", scrolls && box.scrollLeft > 1);
    box.classList.toggle("more-right", scrolls && box.scrollLeft < more - 1);
    if (scrolls === (box.dataset.scrolls === "yes")) return;
    box.dataset.scrolls = scrolls ? "yes" : "no";
    const attributes = { tabindex: "0" };
    // A table stays one to a screen reader; the others are groups with a name.
    if (!box.matches("table")) {
      Object.assign(attributes, { role: "group", "aria-label": `${nameOf(box)}, scrolls sideways` });
    }
    for (const [name, value] of Object.entries(attributes)) {
      scrolls ? box.setAttribute(name, value) : box.removeAttribute(name);
    }
  };

  const watch = () => {
    const sizes = new ResizeObserver((entries) => entries.forEach(({ target }) => mark(target)));
    for (const box of document.querySelectorAll(".bd-article :is(" + WIDE + ")")) {
      sizes.observe(box);
      box.addEventListener("scroll", () => mark(box), { passive: true });
    }
  };

  // Formulas get their width when MathJax has set them.
  const ready = () => (window.MathJax?.startup?.promise ?? Promise.resolve()).then(watch);
  document.readyState === "complete" ? ready() : addEventListener("load", ready);
})();
