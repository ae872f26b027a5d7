// Folded proofs: one button opens all of a page; a link into one opens it; print opens all.
(() => {
  const proofs = [...document.querySelectorAll("details.folded-proof")];
  if (proofs.length === 0) return;

  // A browser may have scrolled before the proof had a height.
  const reveal = () => {
    const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
    const proof = target?.closest("details.folded-proof");
    if (!proof) return;
    proof.open = true;
    target.scrollIntoView();
  };
  window.addEventListener("hashchange", reveal);
  reveal();

  const button = document.createElement("button");
  button.type = "button";
  button.className = "open-proofs";
  const say = () => {
    const all = proofs.every((proof) => proof.open);
    button.textContent = all ? "Fold all proofs" : "Open all proofs";
  };
  button.addEventListener("click", () => {
    const open = !proofs.every((proof) => proof.open);
    proofs.forEach((proof) => (proof.open = open));
    say();
  });
  proofs.forEach((proof) => proof.addEventListener("toggle", say));
  say();
  const aims = document.querySelector(".admonition.aims");
  if (aims) aims.append(button);
  else proofs[0].before(button);

  let closed = [];
  window.addEventListener("beforeprint", () => {
    closed = proofs.filter((proof) => !proof.open);
    closed.forEach((proof) => (proof.open = true));
  });
  window.addEventListener("afterprint", () => closed.forEach((proof) => (proof.open = false)));
})();
