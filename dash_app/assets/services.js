// The page of one service: its form becomes a call, and what came of it is written down as text.
"use strict";
(function () {
  const SHOWN_AT_MOST = 100000;
  const HERE = "\u2026/";
  // Marks that turn the direction of writing would make an answer lie about itself.
  const TURNS = /[\u200e\u200f\u061c\u202a-\u202e\u2066-\u2069]/g;

  function service() {
    const place = document.querySelector("[data-service]");
    return place ? place.dataset.service : "";
  }

  function post(verb, body) {
    return fetch("/services/" + encodeURIComponent(service()) + "/" + verb, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(body),
    });
  }

  // What stands in a field; undefined where nothing does.
  function valueOf(place) {
    const field = place.querySelector("input:not([type=hidden]), textarea");
    const name = place.dataset.param;
    const kind = place.dataset.kind;
    if (kind === "bool") {
      return String(field.checked) === place.dataset.default ? undefined : field.checked;
    }
    const text = field.value;
    if (text === "") {
      if (place.dataset.required === "yes") {
        throw new Error(name + " is needed.");
      }
      return undefined;
    }
    if (kind === "int" || kind === "float") {
      const number = Number(text);
      if (!Number.isFinite(number) || (kind === "int" && !Number.isInteger(number))) {
        throw new Error(name + ": " + JSON.stringify(text) + (kind === "int" ? " is not a whole number." : " is not a number."));
      }
      return number;
    }
    if (kind === "json") {
      try {
        return JSON.parse(text);
      } catch (error) {
        return text;
      }
    }
    return text;
  }

  function paramsOf(form) {
    const params = {};
    form.querySelectorAll("[data-param]").forEach(function (place) {
      const value = valueOf(place);
      if (value !== undefined) {
        params[place.dataset.param] = value;
      }
    });
    const more = form.querySelector("[data-more] textarea");
    if (more && more.value.trim()) {
      let given = null;
      try {
        given = JSON.parse(more.value);
      } catch (error) {
        throw new Error("What is given as JSON is none: " + error.message + ".");
      }
      if (given === null || typeof given !== "object" || Array.isArray(given)) {
        throw new Error("More parameters are a JSON object, such as {\"name\": \"value\"}.");
      }
      Object.assign(params, given);
    }
    return params;
  }

  function show(text, isTrouble) {
    const place = document.getElementById("service-answer");
    if (place) {
      const plain = text.replace(TURNS, "\ufffd");
      place.hidden = false;
      place.classList.toggle("is-trouble", isTrouble);
      place.textContent = plain.length > SHOWN_AT_MOST ? plain.slice(0, SHOWN_AT_MOST) + " \u2026 of " + plain.length + " characters" : plain;
    }
  }

  function say(text) {
    const place = document.getElementById("service-took");
    if (place) {
      place.textContent = text;
    }
  }

  function callIt(button) {
    let params = null;
    say("");
    try {
      params = paramsOf(document.getElementById("service-form"));
    } catch (error) {
      show(error.message, true);
      return;
    }
    const began = performance.now();
    button.disabled = true;
    say("Calling \u2026");
    post("call", params).then(function (answer) {
      return answer.json().then(function (said) {
        const took = window.idlehands.duration((performance.now() - began) / 1000);
        if (answer.ok) {
          say(took + " on " + said.agent + ", " + window.idlehands.duration(said.seconds) + " in the worker");
          show(JSON.stringify(said.result, null, 2), false);
        } else {
          say(took);
          show(said.detail + (said.traceback ? "\n\n" + said.traceback : ""), true);
        }
      });
    }).catch(function () {
      say("");
      show("The server does not answer.", true);
    }).finally(function () { button.disabled = false; });
  }

  function note(words) {
    const children = { type: "Div", namespace: "dash_html_components",
      props: { children: words, className: "note-words is-trouble" } };
    window.dash_clientside.set_props("note", { children: children });
  }

  const ASKS = {
    stop: function () { return {}; },
    rollback: function (button) { return { version: Number(button.dataset.version) }; },
    warm: function () { return { min_warm: Number(document.getElementById("service-warm").value) }; },
  };

  document.addEventListener("click", function (event) {
    const button = event.target.closest && event.target.closest("#service-call, [data-service-ask]");
    if (!button) {
      return;
    }
    if (button.id === "service-call") {
      callIt(button);
      return;
    }
    const verb = button.dataset.serviceAsk;
    button.disabled = true;
    post(verb, ASKS[verb](button)).then(function (answer) {
      return answer.ok ? null : answer.json().then((problem) => problem.detail);
    }).catch(() => "The server does not answer.").then(function (trouble) {
      button.disabled = false;
      if (trouble) {
        note(trouble);
      } else {
        location.reload();
      }
    });
  });

  document.addEventListener("keydown", function (event) {
    const button = document.getElementById("service-call");
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey) && button && !button.disabled) {
      callIt(button);
    }
  });

  // The examples have the address that the page was reached by.
  function finish() {
    document.querySelectorAll(".elsewhere .snippet").forEach(function (one) {
      if (one.textContent.includes("\"" + HERE)) {
        one.firstChild.nodeValue = one.textContent.replace("\"" + HERE, "\"" + location.origin + "/");
      }
    });
  }

  window.idlehands = window.idlehands || {};
  window.idlehands.whenShown = (window.idlehands.whenShown || []).concat(finish);
})();
