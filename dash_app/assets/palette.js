// Getting about by keyboard: Ctrl+K finds pages, jobs, sweeps and machines; "g" and a letter goes to a page;
// "/" to the search of the page; "?" lists these. Text is only ever set as text.
"use strict";
(function () {
  const KEYS = {
    House: "h", Jobs: "j", Sweeps: "s", Results: "r", Data: "d", Services: "v", New: "n", Events: "e", Settings: ",",
  };
  const SHOWN = 12;
  const SECOND_KEY_MS = 1200;
  const ASK_AFTER_MS = 180;
  let dialog = null;
  let places = [];
  let found = [];
  let chosen = 0;
  let waiting = 0;

  function element(tag, attributes, text) {
    const made = document.createElement(tag);
    Object.entries(attributes).forEach(function (pair) { made.setAttribute(pair[0], pair[1]); });
    if (text !== undefined) {
      made.textContent = text;
    }
    return made;
  }

  function open(label, children) {
    close();
    dialog = element("dialog", { class: "palette", "aria-label": label });
    dialog.append.apply(dialog, children);
    dialog.addEventListener("click", function (event) { if (event.target === dialog) { close(); } });
    dialog.addEventListener("close", function () { close(); });
    document.body.append(dialog);
    dialog.showModal();
  }

  function close() {
    const old = dialog;
    dialog = null;
    if (old) {
      old.remove();
    }
  }

  // The pages that there are, from the way to them.
  function pages() {
    return Array.from(document.querySelectorAll(".navigation .way"), function (way) {
      const name = way.textContent.trim();
      return { kind: "Page", name: name, address: way.getAttribute("href"), key: KEYS[name] };
    });
  }

  function openPalette() {
    const input = element("input", {
      class: "palette-search", type: "text", role: "combobox", "aria-expanded": "true", "aria-controls": "palette-list",
      "aria-label": "Go to", placeholder: "Go to a page, job, sweep or machine, or find words in notes and tags", autocomplete: "off", spellcheck: "false",
    });
    const list = element("ul", { id: "palette-list", role: "listbox", "aria-label": "Places" });
    places = pages();
    found = [];
    chosen = 0;
    let asking = 0;
    // Words that are in notes, tags or projects are found by the database.
    const ask = function () {
      clearTimeout(asking);
      found = [];
      const words = input.value.trim();
      if (words.length < 2) {
        return;
      }
      asking = setTimeout(function () {
        fetch("/palette?q=" + encodeURIComponent(words.slice(0, 200)))
          .then((answer) => (answer.ok ? answer.json() : [])).then(function (more) {
            if (dialog && input.value.trim() === words) {
              found = more;
              draw();
            }
          }).catch(function () {});
      }, ASK_AFTER_MS);
    };
    const draw = function () {
      const wanted = input.value.toLowerCase().split(/\s+/).filter(Boolean);
      const here = places.filter((one) => wanted.every((word) => (one.kind + " " + one.name).toLowerCase().includes(word)));
      const known = new Set(here.map((one) => one.address));
      // Few of either hide none of the other.
      const more = found.filter((one) => !known.has(one.address)).slice(0, SHOWN - Math.min(here.length, SHOWN / 2));
      const shown = here.slice(0, SHOWN - more.length).concat(more);
      chosen = Math.max(0, Math.min(chosen, shown.length - 1));
      list.textContent = "";
      shown.forEach(function (one, at) {
        const item = element("li", { role: "option", id: "palette-" + at, "aria-selected": String(at === chosen) });
        item.append(element("bdi", {}, one.name), element("span", {}, one.kind));
        item.addEventListener("click", function () { go(one.address); });
        list.append(item);
      });
      if (!shown.length) {
        list.append(element("li", { role: "option", "aria-selected": "false", "aria-disabled": "true" }, "Nothing is called so."));
      }
      input.setAttribute("aria-activedescendant", shown.length ? "palette-" + chosen : "");
      return shown;
    };
    input.addEventListener("input", function () { chosen = 0; ask(); draw(); });
    input.addEventListener("keydown", function (event) {
      if (event.key === "ArrowDown" || event.key === "ArrowUp") {
        event.preventDefault();
        chosen += event.key === "ArrowDown" ? 1 : -1;
        draw();
      } else if (event.key === "Enter") {
        event.preventDefault();
        const one = draw()[chosen];
        if (one) {
          go(one.address);
        }
      }
    });
    open("Go to", [input, list]);
    draw();
    input.focus();
    fetch("/palette").then((answer) => (answer.ok ? answer.json() : [])).then(function (more) {
      places = pages().concat(more);
      if (dialog) {
        draw();
      }
    }).catch(function () {});
  }

  function openHelp() {
    const rows = [["Ctrl K", "Go to a page, job, sweep or machine"], ["/", "Search on this page"], ["?", "This list"], ["Esc", "Close"]]
      .concat(pages().filter((page) => page.key).map((page) => ["g " + page.key, page.name]));
    const list = element("dl", { class: "shortcuts" });
    rows.forEach(function (row) {
      const line = element("div", {});
      const keys = element("dt", {});
      row[0].split(" ").forEach((key) => keys.append(element("kbd", {}, key)));
      line.append(keys, element("dd", {}, row[1]));
      list.append(line);
    });
    const done = element("button", { type: "button", class: "button is-plain" }, "Close");
    done.addEventListener("click", close);
    open("Keyboard shortcuts", [element("h2", {}, "Keyboard shortcuts"), list, done]);
    done.focus();
  }

  window.idlehands = Object.assign(window.idlehands || {}, { openPalette: openPalette });

  function go(address) {
    close();
    window.idlehands.go(address);
  }

  function isWriting(target) {
    return target.isContentEditable || ["INPUT", "TEXTAREA", "SELECT"].includes(target.tagName);
  }

  document.addEventListener("keydown", function (event) {
    if ((event.ctrlKey || event.metaKey) && !event.altKey && event.key.toLowerCase() === "k") {
      event.preventDefault();
      openPalette();
      return;
    }
    if (event.ctrlKey || event.metaKey || event.altKey || isWriting(event.target) || dialog) {
      return;
    }
    const now = Date.now();
    const page = now - waiting < SECOND_KEY_MS ? pages().find((one) => one.key === event.key) : undefined;
    waiting = 0;
    if (page) {
      event.preventDefault();
      go(page.address);
    } else if (event.key === "g") {
      waiting = now;
    } else if (event.key === "?") {
      event.preventDefault();
      openHelp();
    } else if (event.key === "/") {
      event.preventDefault();
      const search = document.querySelector("[data-search]");
      if (search) {
        search.focus();
      } else {
        openPalette();
      }
    }
  });

  // The search of the list of events: the address says what is looked for.
  document.addEventListener("change", function (event) {
    if (event.target.id === "events-about") {
      const params = new URLSearchParams(location.search);
      params.delete("before");
      params.delete("about");
      if (event.target.value.trim()) {
        params.set("about", event.target.value.trim());
      }
      const query = params.toString();
      go("/events" + (query ? "?" + query : ""));
    }
  });
})();
