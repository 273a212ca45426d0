// The list of jobs, as far as it needs no server: its address, columns, saved views, and what is chosen.
"use strict";
(function () {
  const GRID = "jobs-grid";
  const NEWEST = "-submitted";
  const VIEWS_AT_MOST = 50;
  const none = () => window.dash_clientside.no_update;

  function isHere() {
    return location.pathname === "/jobs";
  }

  function changed(params) {
    const said = params.toString();
    return said ? "?" + said : "";
  }

  function put(params, name, value) {
    if (value) {
      params.set(name, value);
    } else {
      params.delete(name);
    }
  }

  // Another filter or order is another list, from its beginning.
  function fromTheStart() {
    const params = new URLSearchParams(location.search);
    params.delete("before");
    params.delete("page");
    return params;
  }

  function go(params) {
    history.pushState({}, "", "/jobs" + changed(params));
    window.dispatchEvent(new CustomEvent("_dashprivate_pushstate"));
  }

  function element(tag, className, text) {
    const made = document.createElement(tag);
    made.className = className;
    if (text !== undefined) {
      made.textContent = text;
    }
    return made;
  }

  window.dash_clientside = window.dash_clientside || {};
  window.dash_clientside.idlehands_jobs = {
    addressed: function (where, group) {
      const controls = document.querySelector(".jobs-controls");
      const triggered = window.dash_clientside.callback_context.triggered || [];
      if (!controls || !triggered.length || !isHere()) {
        return none();
      }
      if ((where || "") === (controls.dataset.shown || "") && (group || "") === (controls.dataset.group || "")) {
        return none();
      }
      const params = fromTheStart();
      put(params, "where", where);
      put(params, "group", group);
      return changed(params);
    },
    // Of the list of jobs and of that of sweeps.
    labelled: function (project, tag) {
      const choices = document.querySelector(".label-choices");
      const triggered = window.dash_clientside.callback_context.triggered || [];
      if (!choices || !triggered.length) {
        return none();
      }
      if ((project || "") === choices.dataset.project && (tag || "") === choices.dataset.tag) {
        return none();
      }
      const params = fromTheStart();
      put(params, "project", project);
      put(params, "tag", tag);
      return changed(params);
    },
  };

  // The grid ----------------------------------------------------------------------

  const known = new WeakSet();

  // The table's code, and the table, may still be on their way.
  function watchGrid(left) {
    if (!isHere()) {
      return;
    }
    if (!window.dash_ag_grid || !document.getElementById(GRID)) {
      if (left) {
        setTimeout(function () { watchGrid(left - 1); }, 50);
      }
      return;
    }
    window.dash_ag_grid.getApiAsync(GRID).then(function (api) {
      if (api.isDestroyed()) {
        return;
      }
      if (!known.has(api)) {
        known.add(api);
        api.addEventListener("sortChanged", function (event) { sorted(api, event); });
        api.addEventListener("selectionChanged", function () { offer(api); });
      }
      offer(api);
    }).catch(function (error) { console.error("the list of jobs", error); });
  }

  // Rows that are not here may come first in another order: the server is asked.
  function sorted(api, event) {
    if (event.source !== "uiColumnSorted" && event.source !== "uiColumnSort") {
      return;
    }
    const first = api.getColumnState().filter((column) => column.sort && column.colId !== "order")
      .sort((a, b) => a.sortIndex - b.sortIndex)[0];
    const sort = first ? (first.sort === "desc" ? "-" : "") + first.colId : "";
    const params = fromTheStart();
    put(params, "sort", sort === NEWEST ? "" : sort);
    if (changed(params) !== location.search) {
      go(params);
    }
  }

  // Many at once --------------------------------------------------------------------

  function number(count) {
    return String(count).replace(/\B(?=(\d{3})+$)/g, "\u2009");
  }

  function jobs(count) {
    return number(count) + (count === 1 ? " job" : " jobs");
  }

  function offer(api) {
    const place = document.getElementById("jobs-many");
    if (!place || place.dataset.may !== "yes") {
      return;
    }
    const chosen = api.getSelectedRows().map((row) => row.id);
    const key = chosen.length + location.search;
    if (place.dataset.key === key) {
      return;
    }
    place.dataset.key = key;
    const parts = [];
    if (chosen.length) {
      parts.push(element("span", "", number(chosen.length) + " chosen"));
      parts.push(button("Cancel", "cancel", () => ({ jobs: chosenIds(api) })));
      parts.push(button("Try again", "retry", () => ({ jobs: chosenIds(api) })));
    }
    const filter = new URLSearchParams(location.search);
    if (["status", "where", "project", "tag"].some((name) => filter.get(name))) {
      parts.push(element("span", "", "All that match"));
      parts.push(button("Cancel all", "cancel", () => ({ query: location.search })));
      parts.push(button("Try all again", "retry", () => ({ query: location.search })));
    }
    place.replaceChildren.apply(place, parts);
  }

  function chosenIds(api) {
    return api.getSelectedRows().map((row) => row.id).slice(0, 5000);
  }

  function button(words, verb, which) {
    const made = element("button", "ask", words);
    made.type = "button";
    made.addEventListener("click", function () { ask(verb, which()); });
    return made;
  }

  function post(body) {
    return fetch("/bulk/jobs", {
      method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body),
    }).then(function (answer) {
      return answer.json().then(function (said) {
        if (!answer.ok) {
          throw new Error(said.detail);
        }
        return said;
      });
    });
  }

  function say(words, kind) {
    const note = { type: "Div", namespace: "dash_html_components",
      props: { children: words, className: "note-words is-" + kind } };
    window.dash_clientside.set_props("note", { children: note });
  }

  function ask(verb, which) {
    const word = verb === "cancel" ? "Cancel" : "Run again";
    post(Object.assign({ verb: verb, count_only: true }, which)).then(function (found) {
      if (!found.count) {
        say(verb === "cancel" ? "None of these can be cancelled: they have ended." : "None of these has ended.", "trouble");
        return;
      }
      const now = Math.min(found.count, found.most);
      confirm(word + " " + jobs(now) + "?", verb === "cancel"
        ? "Those that run are stopped; what they wrote so far is kept."
        : "Each becomes a new job with the same script, parameters and needs.", word,
      function () {
        return post(Object.assign({ verb: verb }, which)).then(function (done) {
          const rest = done.left_out ? " " + jobs(done.left_out) + " could not: too late." : "";
          say((verb === "cancel" ? "Cancelled " : "Submitted again: ") + jobs(done.done) + "." + rest, "done");
        });
      });
    }).catch(function (error) { say(error.message, "trouble"); });
  }

  function confirm(title, about, word, act) {
    const dialog = element("dialog", "palette confirm");
    dialog.setAttribute("aria-label", title);
    const yes = element("button", "button", word);
    const no = element("button", "button is-plain", "Leave them");
    const row = element("div", "confirm-row");
    row.append(no, yes);
    dialog.append(element("h2", "", title), element("p", "quiet", about), row);
    const close = function () { dialog.close(); dialog.remove(); };
    no.addEventListener("click", close);
    dialog.addEventListener("close", function () { dialog.remove(); });
    yes.addEventListener("click", function () {
      yes.disabled = no.disabled = true;
      act().catch(function (error) { say(error.message, "trouble"); }).then(close);
    });
    document.body.append(dialog);
    dialog.showModal();
    no.focus();
  }

  // Columns ---------------------------------------------------------------------------

  function toggleColumn(choice) {
    const isShown = choice.getAttribute("aria-pressed") !== "true";
    choice.setAttribute("aria-pressed", String(isShown));
    const shown = Array.from(document.querySelectorAll("#jobs-columns [aria-pressed=true]"), (one) => one.dataset.column);
    window.dash_ag_grid.getApiAsync(GRID).then(function (api) {
      api.setColumnsVisible([choice.dataset.column], isShown);
    });
    const params = new URLSearchParams(location.search);
    put(params, "columns", shown.join(","));
    history.replaceState(history.state, "", "/jobs" + changed(params).replaceAll("%2C", ","));
  }

  // Saved views -----------------------------------------------------------------------

  function place() {
    const controls = document.querySelector(".jobs-controls");
    return "idlehands-views:" + (controls ? controls.dataset.user : "");
  }

  function views() {
    try {
      const found = JSON.parse(localStorage.getItem(place()) || "[]");
      return Array.isArray(found) ? found.filter((one) => typeof one.name === "string" && typeof one.query === "string") : [];
    } catch (error) {
      return [];
    }
  }

  function keep(all) {
    localStorage.setItem(place(), JSON.stringify(all.slice(-VIEWS_AT_MOST)));
    drawViews();
  }

  function drawViews() {
    const list = document.getElementById("jobs-views");
    if (!list) {
      return;
    }
    const found = views();
    const key = JSON.stringify(found);
    if (list.dataset.key === key) {
      return;
    }
    list.dataset.key = key;
    list.replaceChildren.apply(list, found.map(function (view) {
      const line = element("li", "");
      const link = element("a", "", view.name);
      link.href = "/jobs" + (view.query.startsWith("?") ? view.query : "");
      const drop = element("button", "ask", "Remove");
      drop.type = "button";
      drop.setAttribute("aria-label", "Remove the view " + view.name);
      drop.addEventListener("click", function () { keep(views().filter((one) => one.name !== view.name)); });
      line.append(link, drop);
      return line;
    }));
  }

  // Asks for a name in place of the button.
  function saveView(save) {
    const input = element("input", "plain-input");
    input.placeholder = "Its name, then Enter";
    input.setAttribute("aria-label", "Name of the view");
    input.maxLength = 60;
    input.addEventListener("keydown", function (event) {
      const name = input.value.trim();
      if (event.key === "Escape" || (event.key === "Enter" && !name)) {
        input.replaceWith(save);
      } else if (event.key === "Enter") {
        const params = fromTheStart();
        keep(views().filter((one) => one.name !== name).concat([{ name: name, query: changed(params) }]));
        input.replaceWith(save);
      }
    });
    save.replaceWith(input);
    input.focus();
  }

  document.addEventListener("click", function (event) {
    const target = event.target.closest ? event.target : null;
    if (!target || !isHere()) {
      return;
    }
    const column = target.closest("[data-column]");
    if (column) {
      toggleColumn(column);
    } else if (target.closest("#jobs-save-view")) {
      saveView(target.closest("#jobs-save-view"));
    }
    // A menu closes when something else is clicked.
    document.querySelectorAll("details.menu[open]").forEach(function (menu) {
      if (!menu.contains(target) && target.isConnected) {
        menu.open = false;
      }
    });
  });

  document.addEventListener("keydown", function (event) {
    const open = event.key === "Escape" && document.querySelector("details.menu[open]");
    if (open) {
      open.open = false;
      open.querySelector("summary").focus();
    }
  });

  window.idlehands = window.idlehands || {};
  (window.idlehands.whenShown = window.idlehands.whenShown || []).push(function () {
    drawViews();
    const many = document.getElementById("jobs-many");
    if (many) {
      delete many.dataset.key;
    }
    watchGrid(400);
  });
})();
