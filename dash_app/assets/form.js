// The form of a script: what is wrong beside its field, and a way to empty what the browser has kept of it.
"use strict";
(function () {
  let marked = [];

  function set(id, words) {
    window.dash_clientside.set_props(id, { error: words });
  }

  window.dash_clientside = window.dash_clientside || {};
  window.dash_clientside.idlehands_form = {
    mark: function (wrong) {
      const now = Array.isArray(wrong) ? wrong : [];
      const kept = new Set(now.map((one) => JSON.stringify(one.id)));
      marked.filter((id) => !kept.has(JSON.stringify(id))).forEach((id) => set(id, null));
      now.forEach((one) => set(one.id, one.words));
      marked = now.map((one) => one.id);
      return window.dash_clientside.no_update;
    },
  };

  // Dash keeps fields under names that begin so; what other tabs or scripts have is left alone.
  function forget(script) {
    for (const name of Object.keys(sessionStorage)) {
      if (name.startsWith("_dash_persistence.") && name.endsWith("." + JSON.stringify(script))) {
        sessionStorage.removeItem(name);
      }
    }
  }

  document.addEventListener("click", function (event) {
    if (event.target.closest && event.target.closest("#form-clear")) {
      forget(new URLSearchParams(location.search).get("script"));
      location.reload();
    }
  });
})();
