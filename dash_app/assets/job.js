// The page of a job, as far as it needs no server: its log's search and end, how curves are looked at, and
// what is in a kept file. Text is only ever set as text.
"use strict";
(function () {
  const PAUSE_MS = 120;

  function element(tag, className, text) {
    const made = document.createElement(tag);
    made.className = className;
    if (text !== undefined) {
      made.textContent = text;
    }
    return made;
  }

  // The log ---------------------------------------------------------------------

  let wanted = "";
  let timer = 0;

  function log() {
    return document.getElementById("job-log");
  }

  function isAtEnd(place) {
    return place.scrollHeight - place.scrollTop - place.clientHeight < 40;
  }

  function fits(line) {
    return !wanted || line.textContent.toLowerCase().includes(wanted);
  }

  function count() {
    const place = document.getElementById("log-found");
    if (place) {
      const found = wanted ? log().querySelectorAll(":scope > div:not([hidden])").length : 0;
      const words = !wanted ? "" : found === 0 ? "No line" : found === 1 ? "1 line" : found + " lines";
      if (place.textContent !== words) {
        place.textContent = words;
      }
    }
  }

  function find(text) {
    wanted = text.trim().toLowerCase();
    Array.from(log().children).forEach(function (line) { line.hidden = !fits(line); });
    count();
    showEnd();
  }

  function follows() {
    const button = document.getElementById("log-follow");
    return button !== null && button.getAttribute("aria-pressed") === "true";
  }

  function showEnd() {
    if (follows()) {
      log().scrollTop = log().scrollHeight;
    }
  }

  function watchLog() {
    const place = log();
    if (!place || place.dataset.watched) {
      return;
    }
    place.dataset.watched = "yes";
    wanted = "";
    new MutationObserver(function (changes) {
      if (wanted) {
        changes.forEach((change) => change.addedNodes.forEach(function (line) { line.hidden = !fits(line); }));
        count();
      }
      showEnd();
    }).observe(place, { childList: true });
    // Who scrolls up wants to stay there; who scrolls to the end wants to see what comes.
    place.addEventListener("scroll", function () {
      const button = document.getElementById("log-follow");
      if (button) {
        button.setAttribute("aria-pressed", String(isAtEnd(place)));
      }
    }, { passive: true });
  }

  document.addEventListener("input", function (event) {
    if (event.target.id === "log-search") {
      const text = event.target.value;
      clearTimeout(timer);
      timer = setTimeout(function () { if (log()) { find(text); } }, PAUSE_MS);
    }
  });

  // Curves ------------------------------------------------------------------------

  function look(button) {
    const params = new URLSearchParams(location.search);
    const name = button.dataset.look;
    const value = button.dataset.value;
    if (value && !(name === "x" && value === "step")) {
      params.set(name, value);
    } else {
      params.delete(name);
    }
    button.parentElement.querySelectorAll("[data-look]").forEach(function (one) {
      one.setAttribute("aria-pressed", String(one === button));
    });
    const said = params.toString();
    history.replaceState(history.state, "", location.pathname + (said ? "?" + said : ""));
    window.idlehands.lookAgain();
  }

  // What is in a file -----------------------------------------------------------------

  function table(columns, rows) {
    const made = element("table", "numbers is-list");
    const head = element("tr", "");
    columns.forEach((name) => head.append(element("th", "", name)));
    const top = document.createElement("thead");
    top.append(head);
    const body = document.createElement("tbody");
    rows.forEach(function (row) {
      const line = element("tr", "");
      row.forEach((cell) => line.append(element("td", "", cell)));
      body.append(line);
    });
    made.append(top, body);
    const holder = element("div", "sideways");
    holder.tabIndex = 0;
    holder.append(made);
    return holder;
  }

  function block(one) {
    if (one.is === "heading") {
      return element("h" + Math.min(6, one.level + 2), "", one.text);
    }
    if (one.is === "list") {
      const list = element("ul", "");
      one.items.forEach((item) => list.append(element("li", "", item)));
      return list;
    }
    if (one.is === "table") {
      return table(one.rows[0] || [], one.rows.slice(1));
    }
    return element(one.is === "code" ? "pre" : "p", one.is === "code" ? "file-text" : "", one.text);
  }

  function drawn(found) {
    const parts = [];
    if (found.kind === "table") {
      parts.push(table(found.columns, found.rows));
      if (found.more) {
        const all = found.count === null ? "" : " of " + found.count;
        parts.push(element("p", "quiet", "The first " + found.rows.length + all + " rows; download the file for all."));
      }
    } else if (found.kind === "blocks") {
      const card = element("div", "model-card");
      found.blocks.forEach((one) => card.append(block(one)));
      parts.push(card);
    } else if (found.kind === "text") {
      const text = element("pre", "file-text", found.text);
      text.tabIndex = 0;
      parts.push(text);
    } else {
      parts.push(element("p", "quiet", found.text));
    }
    if (found.more && found.kind !== "table") {
      parts.push(element("p", "quiet", "Only its beginning; download the file for all."));
    }
    return parts;
  }

  function lookInto(button) {
    const name = button.getAttribute("aria-label").replace(/^Look into /, "");
    const dialog = element("dialog", "palette looking");
    dialog.setAttribute("aria-label", name);
    const close = element("button", "ask", "Close");
    const head = element("div", "looking-head");
    head.append(element("h2", "", name), close);
    const body = element("div", "looking-body");
    body.append(element("p", "quiet", "Reading \u2026"));
    dialog.append(head, body);
    close.addEventListener("click", function () { dialog.close(); });
    dialog.addEventListener("close", function () { dialog.remove(); button.focus(); });
    dialog.addEventListener("click", function (event) { if (event.target === dialog) { dialog.close(); } });
    document.body.append(dialog);
    dialog.showModal();
    fetch(button.dataset.preview).then(function (answer) {
      return answer.json().then(function (said) {
        if (!answer.ok) {
          throw new Error(said.detail);
        }
        body.replaceChildren.apply(body, drawn(said));
      });
    }).catch(function (error) { body.replaceChildren(element("p", "failure", error.message)); });
  }

  document.addEventListener("click", function (event) {
    const target = event.target.closest ? event.target.closest("[data-look], [data-preview], #log-follow") : null;
    if (!target) {
      return;
    }
    if (target.dataset.look !== undefined) {
      look(target);
    } else if (target.dataset.preview) {
      lookInto(target);
    } else {
      target.setAttribute("aria-pressed", String(!follows()));
      showEnd();
    }
  });

  window.idlehands = window.idlehands || {};
  (window.idlehands.whenShown = window.idlehands.whenShown || []).push(watchLog);
})();
