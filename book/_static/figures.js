// Opens a picture large. Without scripts a picture is a link to its file.
(() => {
  "use strict";

  function enlarge(link) {
    const dialog = document.createElement("dialog");
    dialog.className = "mssl-large";
    const figure = link.closest("figure");
    dialog.setAttribute("aria-label", figure.querySelector("figcaption > p").innerText.trim());
    const close = document.createElement("button");
    close.type = "button";
    close.textContent = "Close";
    const space = document.createElement("div");
    space.tabIndex = 0;
    for (const image of link.querySelectorAll("img")) {
      const large = image.cloneNode();
      const [width, height] = ["width", "height"].map((name) => Number(image.getAttribute(name)));
      large.style.setProperty("--width", width);
      large.style.setProperty("--ratio", width / height);
      space.append(large);
    }
    dialog.append(close, space);
    document.body.append(dialog);
    dialog.addEventListener("click", (event) => {
      if (event.target === dialog || event.target === close) dialog.close();
    });
    dialog.addEventListener("close", () => {
      dialog.remove();
      link.focus();
    });
    dialog.showModal();
  }

  document.addEventListener("click", (event) => {
    const link = event.target.closest(".mssl-picture a");
    const plain = !(event.ctrlKey || event.metaKey || event.shiftKey || event.button);
    if (!link || !plain || !window.HTMLDialogElement) return;
    event.preventDefault();
    enlarge(link);
  });

  // A printed page is light, whatever the screen shows: its pictures must be there in time.
  window.addEventListener("beforeprint", () => {
    document.querySelectorAll(".mssl-picture img.only-light").forEach((image) => {
      image.loading = "eager";
    });
  });
})();
