// What is around every page: the link that skips to the content, the rest of the pages on a phone, the title
// of the window, and where the keyboard is after another page came.
"use strict";
(function () {
  function more() {
    return document.querySelector(".more-button");
  }

  function isOpen() {
    const button = more();
    return Boolean(button) && button.getAttribute("aria-expanded") === "true";
  }

  function open(wanted) {
    const button = more();
    if (button) {
      button.setAttribute("aria-expanded", String(wanted));
    }
  }

  document.addEventListener("click", function (event) {
    const target = event.target.closest ? event.target : document.body;
    if (target.closest(".skip")) {
      event.preventDefault();
      document.getElementById("page").focus();
    } else if (target.closest(".more-button")) {
      open(!isOpen());
    } else if (target.closest("[data-palette]")) {
      window.idlehands.openPalette();
    } else if (isOpen() && !target.closest("#more")) {
      open(false);
    }
  });

  document.addEventListener("keydown", function (event) {
    if (event.key === "Escape" && isOpen()) {
      open(false);
      more().focus();
    }
  });

  // Enter on a cell of a table goes where the cell leads: the grid itself moves between cells only.
  document.addEventListener("keydown", function (event) {
    const cell = document.activeElement;
    if (event.key === "Enter" && !event.ctrlKey && !event.metaKey && cell && cell.matches(".ag-cell")) {
      const link = cell.querySelector("a[href]");
      if (link) {
        event.preventDefault();
        link.click();
      }
    }
  });

  let last = null;
  const given = (window.idlehands = window.idlehands || {});
  given.whenShown = (given.whenShown || []).concat(function () {
    const title = document.querySelector("#page h1");
    document.title = title ? title.textContent + " \u00b7 Idlehands" : "Idlehands";
    open(false);
    // Another page: whoever goes by keyboard or listens begins at its start, not at the end of the frame.
    if (last !== null && last !== location.pathname && [null, document.body].includes(document.activeElement)) {
      document.getElementById("page").focus({ preventScroll: true });
    }
    last = location.pathname;
  });
})();
