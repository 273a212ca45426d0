// How cells are written and drawn. React makes text nodes of everything: nothing here can become HTML.
"use strict";
(function () {
  const functions = (window.dashAgGridFunctions = window.dashAgGridFunctions || {});
  const components = (window.dashAgGridComponentFunctions = window.dashAgGridComponentFunctions || {});
  const WORDS = {
    queued: "Queued", held: "On hold", running: "Running", succeeded: "Succeeded",
    failed: "Failed", cancelled: "Cancelled", dead: "Given up", finished: "Finished", pruned: "Ended early", paused: "Paused",
  };

  functions.duration = (seconds) => window.idlehands.duration(seconds);
  functions.moment = (unix) => window.idlehands.moment(unix);
  functions.number = function (value) {
    if (typeof value !== "number") {
      return value === null || value === undefined ? "" : String(value);
    }
    return Number.isInteger(value) ? String(value) : String(Number(value.toPrecision(4)));
  };

  function link(name, address) {
    return function (props) {
      // A row that is still on its way, or has none.
      if (!props.data || props.value === null || props.value === undefined || props.value === "") {
        return null;
      }
      return React.createElement("a", { href: address(props.data) }, String(props.value));
    };
  }
  components.JobLink = link("job", (data) => "/jobs/" + encodeURIComponent(data.job || data.id));
  components.SweepOfJob = link("sweep", (data) => "/sweeps/" + encodeURIComponent(data.sweep));
  components.SweepLink = link("sweep", (data) => "/sweeps/" + encodeURIComponent(data.id));

  components.Status = function (props) {
    const status = String(props.value);
    return React.createElement("span", { className: "pill is-" + status }, WORDS[status] || status);
  };

  const TONES = { Succeeded: "succeeded", Failed: "failed", "Given up": "failed", Claimed: "running", Cancelled: "cancelled" };
  components.Happening = function (props) {
    const words = String(props.value);
    return React.createElement("span", { className: "pill is-" + (TONES[words] || "queued") }, words);
  };

  components.Progress = function (props) {
    if (props.data.status !== "running") {
      return null;
    }
    const known = typeof props.value === "number";
    const fill = React.createElement("div", {
      className: "bar-fill", style: known ? { width: props.value + "%" } : {},
    });
    return React.createElement("div", { className: known ? "bar" : "bar is-unknown" }, fill);
  };
})();
