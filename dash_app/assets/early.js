// Runs before every other script: asks for what the page shows while they are still read, and gives it to Dash
// when Dash asks. Loads the script of the tables where there is one, before Dash makes it.
"use strict";
(function () {
  const real = window.fetch.bind(window);
  const table = document.currentScript.dataset.table;
  const HOW = { credentials: "same-origin", headers: { Accept: "application/json" } };
  const early = new Map([
    ["/_dash-layout", "/_dash-layout?" + new URLSearchParams({ path: location.pathname, query: location.search })],
    ["/_dash-dependencies", "/_dash-dependencies"],
  ].map(function ([what, address]) {
    // Whatever goes wrong: then it is asked for once more when it is needed.
    return [what, real(address, HOW).then((answer) => (answer.ok ? answer : null), () => null)];
  }));

  let loading = null;

  function load() {
    loading = loading || new Promise(function (done, failed) {
      const script = document.createElement("script");
      script.src = table;
      script.onload = done;
      script.onerror = function () {
        loading = null;
        failed(new Error("the script of the tables cannot be loaded"));
      };
      document.head.append(script);
    });
    return loading;
  }

  // A page with a table comes to Dash once its script is there.
  function withTable(answer) {
    return answer.clone().text().then((text) => (text.includes('"dash_ag_grid"') ? load() : null)).then(() => answer);
  }

  window.fetch = function (what, how) {
    const first = early.get(what);
    if (first) {
      early.delete(what);
      return first.then((answer) => answer || real(what, how)).then(withTable);
    }
    const asked = real(what, how);
    return typeof what === "string" && what.startsWith("/_dash-update-component") ? asked.then(withTable) : asked;
  };

  // Where the page has a table its script is fetched now; elsewhere once there is nothing else to do, for the
  // next page.
  const NONE = /^\/($|new|data|models|services|settings|jobs\/)/;

  function fetchLater() {
    const hint = document.createElement("link");
    hint.rel = "prefetch";
    hint.as = "script";
    hint.href = table;
    document.head.append(hint);
  }

  if (!NONE.test(location.pathname)) {
    real(table, { credentials: "same-origin" }).catch(() => null);
  } else {
    window.addEventListener("load", () => setTimeout(fetchLater, 3000));
  }
})();
