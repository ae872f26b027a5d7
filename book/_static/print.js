// Paper is white, and nothing on it scrolls: while a page is printed its colours are the light ones,
// and a formula that is wider than the paper is set smaller.
(() => {
  const PAPER = 640; // widest formula in pixels, on A4 and on Letter
  const root = document.documentElement;
  let undo = [];

  const lighten = () => {
    const { theme, mode } = root.dataset;
    Object.assign(root.dataset, { theme: "light", mode: "light" });
    undo.push(() => Object.assign(root.dataset, { theme, mode }));
  };

  const shrink = () => {
    const formulas = [...document.querySelectorAll(".math > mjx-container")];
    const widths = formulas.map((box) => box.firstElementChild.getBoundingClientRect().width);
    formulas.forEach((box, i) => {
      if (widths[i] <= PAPER) return;
      const { fontSize } = box.style;
      box.style.fontSize = `${(parseFloat(fontSize || "100") * PAPER) / widths[i]}%`;
      undo.push(() => (box.style.fontSize = fontSize));
    });
  };

  const before = () => {
    if (undo.length) return;
    lighten();
    shrink();
  };
  const after = () => undo.splice(0).forEach((step) => step());

  addEventListener("beforeprint", before);
  addEventListener("afterprint", after);
})();
