// Moves the frames of a moving figure, and opens a picture large. Without scripts the first frame is
// shown, and a picture is a link to its file.
(() => {
  "use strict";

  function move(slider) {
    const input = slider.querySelector("input");
    const output = slider.querySelector("output");
    const labels = JSON.parse(slider.dataset.labels);
    const frames = [...slider.parentElement.querySelectorAll(".mssl-picture")];
    const turn = () => {
      const shown = Number(input.value);
      frames.forEach((frame, index) => {
        frame.hidden = index !== shown;
      });
      output.textContent = labels[shown];
      input.setAttribute("aria-valuetext", labels[shown]);
    };
    // All frames are fetched as soon as one may be wanted.
    const fetchAll = () => {
      for (const image of slider.parentElement.querySelectorAll(".mssl-picture img")) {
        if (image.classList.contains("only-light")) new Image().src = image.src;
      }
    };
    for (const sign of ["pointerenter", "focus", "touchstart"]) {
      input.addEventListener(sign, fetchAll, { once: true, passive: true });
    }
    input.addEventListener("input", turn);
    slider.hidden = false;
    turn(); // browsers restore a slider's last place on reload
  }

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

  document.querySelectorAll(".mssl-slider[data-labels]").forEach(move);
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
