// The page of results: rows for its table as it is scrolled, and an address that says all that is chosen.
"use strict";
(function () {
  const GRID = "results-grid";
  const NONE = "none";
  const CHOICES = ["where", "sweep", "columns", "x", "y", "color", "facet", "kind", "by", "of", "across", "agg"];
  const MAY_BE_NONE = ["y", "color", "facet", "across"];
  const JOBS_AT_MOST = 60;

  function isHere() {
    return location.pathname === "/results";
  }

  function address(params) {
    const text = params.toString();
    return text ? "?" + text : "";
  }

  function put(params, name, value) {
    if (value) {
      params.set(name, value);
    } else {
      params.delete(name);
    }
  }

  // Rows ---------------------------------------------------------------------

  let given = null;

  function rowsFor(columns, query) {
    return {
      getRows: function (wanted) {
        const params = new URLSearchParams(query);
        const sort = wanted.sortModel[0];
        put(params, "sort", sort ? (sort.sort === "desc" ? "-" : "") + sort.colId : "");
        rememberSort(params.get("sort"));
        params.set("columns", columns);
        params.set("start", wanted.startRow);
        params.set("end", wanted.endRow);
        fetch("/results/rows?" + params).then(function (answer) {
          return answer.json().then(function (said) {
            if (!answer.ok) {
              throw new Error(said.detail);
            }
            wanted.successCallback(said.rows, said.last === null ? -1 : said.last);
          });
        }).catch(function (error) {
          wanted.failCallback();
          note(error.message);
        });
      },
    };
  }

  // A sort is of the address, too, but makes no new page.
  function rememberSort(sort) {
    const params = new URLSearchParams(location.search);
    if (isHere() && (params.get("sort") || "-at") !== (sort || "-at")) {
      put(params, "sort", sort);
      history.replaceState(history.state, "", location.pathname + address(params));
    }
  }

  function note(words) {
    const place = document.getElementById("results-note");
    if (place) {
      place.textContent = words;
    }
  }

  function showTable() {
    const holder = document.getElementById("results-table");
    if (!holder) {
      given = null;
      return;
    }
    const params = new URLSearchParams(holder.dataset.query);
    ["rows", "x", "y", "color", "facet", "kind", "by", "of"].forEach((name) => params.delete(name));
    const wanted = holder.dataset.columns + params;
    if (!window.dash_ag_grid || !document.getElementById(GRID)) {
      setTimeout(showTable, 50);
      return;
    }
    window.dash_ag_grid.getApiAsync(GRID).then(function (api) {
      if (api.isDestroyed() || (given && given.api === api && given.wanted === wanted)) {
        return;
      }
      const isNew = !given || given.api !== api;
      given = { api: api, wanted: wanted };
      give(api, rowsFor(holder.dataset.columns, params.toString()));
      if (isNew) {
        api.addEventListener("selectionChanged", function () { offerComparison(api); });
        offerComparison(api);
      }
    });
  }

  // The grid's component puts a source of its own there when it is ready, which may be a moment later.
  function give(api, rows) {
    [0, 60, 250, 1000, 3000].forEach(function (pause) {
      setTimeout(function () {
        const isLatest = given && given.api === api && (given.rows === rows || pause === 0);
        if (isLatest && !api.isDestroyed() && api.getGridOption("datasource") !== rows) {
          given.rows = rows;
          api.setGridOption("datasource", rows);
        }
      }, pause);
    });
  }

  // A page that only changed is told of before its elements are.
  new MutationObserver(showTable).observe(document.documentElement, {
    subtree: true, attributes: true, attributeFilter: ["data-query", "data-columns"],
  });

  function offerComparison(api) {
    const link = document.getElementById("results-compare");
    if (!link) {
      return;
    }
    const jobs = Array.from(new Set(api.getSelectedRows().map((row) => row.job))).slice(0, 8);
    const params = new URLSearchParams(location.search);
    put(params, "rows", jobs.join(","));
    link.hidden = jobs.length < 2;
    link.textContent = "Compare " + jobs.length;
    link.setAttribute("href", "/results" + address(params));
  }

  // The address -----------------------------------------------------------------

  function resultsAddress() {
    const skip = window.dash_clientside.no_update;
    const controls = document.getElementById("results-controls");
    const triggered = window.dash_clientside.callback_context.triggered || [];
    if (!controls || !triggered.length || !isHere()) {
      return skip;
    }
    const shown = JSON.parse(controls.dataset.shown);
    const params = new URLSearchParams(location.search);
    const values = arguments;
    CHOICES.forEach(function (name, at) {
      const value = Array.isArray(values[at]) ? values[at].join(",") : values[at] || "";
      if (name in shown && values[at] !== undefined && value !== shown[name]) {
        put(params, name, value || (MAY_BE_NONE.includes(name) ? NONE : ""));
        if (["x", "y", "facet", "kind", "where", "sweep"].includes(name)) {
          params.delete("pick");
        }
      }
    });
    const now = address(params);
    return now === location.search ? skip : now;
  }

  // What was dragged over in the figure: a range where both axes are numbers, else the jobs themselves.
  function resultsPicked(selected) {
    const skip = window.dash_clientside.no_update;
    const controls = document.getElementById("results-controls");
    if (!controls || !selected || !selected.points || !isHere()) {
      return skip;
    }
    const shown = JSON.parse(controls.dataset.shown);
    const params = new URLSearchParams(location.search);
    const range = selected.range;
    const isRange = range && range.x && range.y && range.x.concat(range.y).every((one) => typeof one === "number") &&
      selected.points.every((point) => typeof point.x === "number");
    if (isRange) {
      const told = [["x", shown.x], ["y", shown.y]].map(function (pair) {
        const ends = range[pair[0]].slice().sort((a, b) => a - b).map((one) => Number(one.toPrecision(6)));
        return pair[1] + ">=" + ends[0] + "," + pair[1] + "<=" + ends[1];
      });
      params.set("pick", told.join(","));
      params.set("x", shown.x);
      params.set("y", shown.y);
    } else {
      const jobs = Array.from(new Set(selected.points.map((point) => point.customdata).filter(Boolean)));
      if (!jobs.length) {
        return skip;
      }
      params.set("pick", jobs.slice(0, JOBS_AT_MOST).join("."));
    }
    const now = address(params);
    return now === location.search ? skip : now;
  }

  document.addEventListener("click", function (event) {
    const button = event.target.closest && event.target.closest("[data-copy]");
    if (!button) {
      return;
    }
    const text = document.getElementById(button.dataset.copy).textContent;
    const said = button.textContent;
    const done = function () {
      button.textContent = "Copied";
      setTimeout(function () { button.textContent = said; }, 1500);
    };
    if (navigator.clipboard) {
      navigator.clipboard.writeText(text).then(done, function () {});
    }
  });

  function finishSnippet() {
    const snippet = document.getElementById("results-snippet");
    if (snippet && snippet.textContent.includes("\"\u2026/")) {
      snippet.firstChild.nodeValue = snippet.textContent.replace("\"\u2026/", "\"" + location.origin + "/");
    }
  }

  window.idlehands = Object.assign(window.idlehands || {}, {
    whenShown: (window.idlehands && window.idlehands.whenShown || []).concat([showTable, finishSnippet]),
  });
  window.dash_clientside = window.dash_clientside || {};
  window.idlehands.resultsAddress = resultsAddress;
  window.idlehands.resultsPicked = resultsPicked;
})();
