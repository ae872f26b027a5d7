// A reference to an equation, theorem, figure, citation or function shows it in a card: under the
// mouse, under the focus of the keyboard, and at the first tap; a second tap follows the link.
// Without this file a reference is a link like any other.
(() => {
  const LINKS = ".bd-article a.reference.internal[href*='#'], .bd-article .eqref a[href*='#']";
  const TARGETS = "div.math, div.proof, div.exercise, figure, div.citation, dt.sig";
  const DELAY = 250; // ms, so that a mouse on its way elsewhere opens nothing

  const card = document.createElement("div");
  Object.assign(card, { id: "preview-card", className: "preview-card", hidden: true });
  card.setAttribute("role", "tooltip");
  let shown = null;
  let timer = 0;
  let held = false; // by the keyboard, until the mouse moves: a page that scrolls beneath it says nothing

  const pages = new Map([[location.pathname, Promise.resolve(document)]]);
  const pageOf = (url) => {
    if (!pages.has(url.pathname)) {
      const read = (text) => new DOMParser().parseFromString(text, "text/html");
      pages.set(url.pathname, fetch(url.pathname).then((answer) => answer.text()).then(read));
    }
    return pages.get(url.pathname);
  };

  const targetOf = (page, url) => {
    const anchor = page.getElementById(decodeURIComponent(url.hash.slice(1)));
    const next = anchor?.matches("span:empty, a:empty") ? anchor.nextElementSibling : anchor;
    return next?.closest(TARGETS) ?? (next?.matches("div, p, span") ? next.querySelector(TARGETS) : null);
  };

  // A copy that can stand anywhere: without names of its own, with links that still lead somewhere.
  const copyOf = (target, url) => {
    const copy = document.createElement("div");
    copy.append(target.cloneNode(true));
    if (target.matches("dt")) {
      const words = target.nextElementSibling?.querySelector("p");
      if (words) copy.append(words.cloneNode(true));
    }
    copy.querySelectorAll(".headerlink, .viewcode-link, .toggle-button, script").forEach((e) => e.remove());
    for (const element of copy.querySelectorAll("*")) {
      element.removeAttribute("id");
      element.removeAttribute("tabindex");
      for (const name of ["src", "href"]) {
        const value = element.getAttribute(name);
        if (value) element.setAttribute(name, new URL(value, url).href);
      }
    }
    return copy;
  };

  const place = (link) => {
    const room = document.documentElement;
    const at = link.getBoundingClientRect();
    const left = Math.max(8, Math.min(at.left, room.clientWidth - card.offsetWidth - 8));
    const above = at.bottom + card.offsetHeight + 8 > innerHeight && at.top > card.offsetHeight + 8;
    card.style.left = `${left}px`;
    card.style.top = `${above ? at.top - card.offsetHeight - 4 : at.bottom + 4}px`;
  };

  const hide = () => {
    clearTimeout(timer);
    shown?.removeAttribute("aria-describedby");
    shown = null;
    card.hidden = true;
  };

  const show = async (link) => {
    if (shown === link) return true;
    const url = new URL(link.href);
    const page = await pageOf(url).catch(() => null); // from a file nothing can be fetched
    const target = page && targetOf(page, url);
    if (!target) return false;
    hide();
    shown = link;
    card.replaceChildren(copyOf(target, url));
    card.hidden = false;
    if (page !== document) await window.MathJax?.typesetPromise?.([card]);
    if (shown !== link) return true;
    link.setAttribute("aria-describedby", card.id);
    place(link);
    return true;
  };

  const soon = (step, delay = DELAY) => {
    clearTimeout(timer);
    timer = setTimeout(step, delay);
  };
  const linkAt = (event) => event.target.closest?.(LINKS);

  const start = () => {
    document.body.append(card);
    const follow = (event) => {
      if (event.pointerType !== "mouse" || held) return;
      const link = linkAt(event);
      if (link) soon(() => show(link));
      else if (card.contains(event.target)) clearTimeout(timer);
      else soon(hide);
    };
    document.addEventListener("pointerover", follow);
    document.addEventListener("pointermove", (event) => {
      if (!held || !(event.movementX || event.movementY)) return;
      held = false;
      follow(event);
    });
    document.addEventListener("focusin", (event) => {
      const link = linkAt(event);
      held = Boolean(link?.matches(":focus-visible"));
      if (held) soon(() => show(link), 0);
      else if (!link && !card.contains(event.target)) hide();
    });
    document.addEventListener("click", async (event) => {
      const link = linkAt(event);
      if (!link) return card.contains(event.target) || hide();
      if (event.pointerType !== "touch" || shown === link) return hide();
      event.preventDefault();
      if (!(await show(link))) location.assign(link.href);
    });
    document.addEventListener("keydown", (event) => event.key === "Escape" && hide());
    addEventListener("scroll", () => shown && place(shown), { passive: true });
  };
  document.readyState === "loading" ? addEventListener("DOMContentLoaded", start) : start();
})();
