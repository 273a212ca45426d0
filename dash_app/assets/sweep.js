// The page of a sweep, as far as it needs no server: the brush, the choice of trials, rows left out, the address.
"use strict";
(function () {
  const MOST_COMPARED = 8;
  const none = () => window.dash_clientside.no_update;
  const shorter = (value) => Number(Number(value).toFixed(4));

  // A trial passes when it is in what was brushed.
  function leaveOut(trials) {
    const passing = trials === null || trials === undefined ? null : new Set(trials);
    window.dash_ag_grid.getApiAsync("trials-grid").then(function (api) {
      if (api.isDestroyed()) {
        return;
      }
      api.setGridOption("isExternalFilterPresent", () => passing !== null);
      api.setGridOption("doesExternalFilterPass", (node) => passing === null || passing.has(node.data.trial));
      api.onFilterChanged();
    }).catch(function (error) { console.error("the table could not be filtered", error); });
  }

  window.dash_clientside = window.dash_clientside || {};
  window.dash_clientside.idlehands_sweep = {
    brushed: function (selected) {
      // Undefined while the figure is made; null once the brush is taken back.
      if (selected === undefined) {
        return none();
      }
      const range = selected && selected.range;
      if (!range) {
        return selected === null ? null : none();
      }
      const [left, right] = range.x.map(shorter).sort((a, b) => a - b);
      const [low, high] = range.y.map(shorter).sort((a, b) => a - b);
      return [left, right, low, high];
    },

    chosen: function (rows) {
      if (!Array.isArray(rows)) {
        return none();
      }
      return rows.map((row) => row.trial).slice(0, MOST_COMPARED);
    },

    filtered: function (trials) {
      leaveOut(trials);
      return trials === null || trials === undefined ? "grid" : "grid is-filtered";
    },

    // The address says what is looked at, so that it can be shared; nothing is loaded anew.
    addressed: function (tab, value, x, y, method, brush, compare) {
      const said = new URLSearchParams();
      const say = function (name, given, usual) {
        if (given !== null && given !== undefined && given !== "" && given !== usual) {
          said.set(name, given);
        }
      };
      say("tab", tab, "slice");
      // With one objective there is nothing to choose.
      say("value", document.querySelector(".for-value") ? value : null, null);
      say("method", tab === "importance" ? method : null, "fanova");
      say("x", tab === "contour" ? x : null, null);
      say("y", tab === "contour" ? y : null, null);
      say("brush", brush ? brush.join(",") : null, null);
      say("compare", compare && compare.length ? compare.join(",") : null, null);
      const query = said.toString().replaceAll("%2C", ",");
      history.replaceState(history.state, "", location.pathname + (query ? "?" + query : ""));
      return tab;
    },
  };
})();
