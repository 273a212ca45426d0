// Draws machines as cards from plain data. A hundred machines are drawn at once and changed one by one,
// which as many components could not be. Text is only ever set as text.
"use strict";
(function () {
  function element(tag, className, text) {
    const made = document.createElement(tag);
    made.className = className;
    if (text !== undefined) {
      made.textContent = text;
    }
    return made;
  }

  function slots(card) {
    const made = element("div", "slots");
    made.setAttribute("role", "img");
    made.setAttribute("aria-label", card.slots_words);
    made.title = card.slots_words;
    for (let number = 0; number < card.slots; number++) {
      made.append(element("span", number < card.busy ? "slot is-busy" : "slot"));
    }
    return made;
  }

  function job(one) {
    const made = element("a", "card-job");
    made.href = "/jobs/" + encodeURIComponent(one.id);
    const since = element("span", "card-job-since since");
    since.dataset.since = one.since;
    if (one.serves) {
      made.append(element("span", "card-job-name", one.name), since);
      return made;
    }
    const bar = element("div", one.percent === null ? "bar is-unknown" : "bar");
    bar.dataset.bar = one.id;
    const fill = element("div", "bar-fill");
    if (one.percent !== null) {
      fill.style.width = one.percent + "%";
    }
    bar.append(fill);
    made.append(element("span", "card-job-name", one.name), since, bar);
    return made;
  }

  const SVG = "http://www.w3.org/2000/svg";
  const WIDE = 100;
  const HIGH = 22;

  // A curve of the last ten minutes, without axes: what it is and its latest value stand beside it.
  function gauge(one) {
    const made = element("div", "gauge");
    const drawing = document.createElementNS(SVG, "svg");
    drawing.setAttribute("viewBox", "0 0 " + WIDE + " " + HIGH);
    drawing.setAttribute("preserveAspectRatio", "none");
    drawing.setAttribute("aria-hidden", "true");
    const at = (point) => (point[0] * WIDE).toFixed(1) + "," + (1 + (1 - point[1]) * (HIGH - 2)).toFixed(1);
    const path = one.points.map(at).join(" ");
    const first = (one.points[0][0] * WIDE).toFixed(1);
    const area = document.createElementNS(SVG, "polygon");
    area.setAttribute("points", first + "," + HIGH + " " + path + " " + WIDE + "," + HIGH);
    const line = document.createElementNS(SVG, "polyline");
    line.setAttribute("points", path);
    drawing.append(area, line);
    made.append(element("span", "gauge-name", one.name), element("span", "gauge-now", one.now), drawing);
    return made;
  }

  function drawLoad(made, load) {
    const place = made.querySelector(".gauges");
    const words = JSON.stringify(load);
    if (place && place.idlehandsLoad !== words) {
      place.idlehandsLoad = words;
      place.replaceChildren.apply(place, load.map(gauge));
    }
  }

  function drawToday(made, place) {
    const line = made.querySelector(".card-today");
    const words = (place.idlehandsToday || {})[made.dataset.machine] || "";
    if (line && line.textContent !== words) {
      line.textContent = words;
    }
  }

  const HOUR = 3600;
  const ALONE = "Whatever the rules say, for a while: only its owner may, at the machine: ";
  const ASKS = {
    hour: ["Pause 1 h", "pause", HOUR, "Its jobs stand still for an hour, and go on elsewhere if that lasts."],
    pause: ["Pause", "pause", null, "Its jobs stand still until somebody resumes, and go on elsewhere if that lasts."],
    drain: ["Drain", "drain", null, "It finishes what it has and takes nothing new until somebody resumes."],
    resume: ["Resume", "resume", null, "It works again as its owner's rules say."],
  };

  function buttons(place, card) {
    const made = element("div", "card-asks");
    const mayNot = place.dataset.may !== "yes" ? "You are logged in as viewer, who changes nothing."
      : !card.can_be_asked ? "It cannot be told anything now." : "";
    for (const name of card.wish ? ["resume"] : ["hour", "pause", "drain"]) {
      const [words, command, seconds, what] = ASKS[name];
      const button = element("button", "ask", words);
      button.type = "button";
      button.title = mayNot || what;
      button.setAttribute("aria-label", words + ": " + card.name);
      button.disabled = Boolean(mayNot);
      button.dataset.ask = name;
      button.addEventListener("click", () => ask(button, card.name, command, seconds));
      made.append(button);
    }
    if (!card.is_dedicated && !card.wish) {
      const button = element("button", "ask", "Dedicate");
      button.type = "button";
      button.title = mayNot || ALONE + "idlehands agent dedicate --for 8h";
      button.setAttribute("aria-label", "Dedicate: " + card.name);
      button.disabled = Boolean(mayNot);
      button.addEventListener("click", () => say(ALONE + "idlehands agent dedicate --for 8h"));
      made.append(button);
    }
    return made;
  }

  // What comes of it, the machine's next heartbeat says, and draws the card anew.
  function ask(button, machine, command, seconds) {
    const all = Array.from(button.parentElement.children);
    all.forEach((one) => { one.disabled = true; });
    fetch("/machines/" + encodeURIComponent(machine) + "/" + command, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(seconds === null ? {} : { seconds: seconds }),
    }).then(function (answer) {
      return answer.ok ? null : answer.json().then((problem) => problem.detail);
    }, () => "The server does not answer.").then(function (trouble) {
      all.forEach((one) => { one.disabled = false; });
      if (trouble) {
        say(trouble);
      }
    });
  }

  function say(words) {
    const note = { type: "Div", namespace: "dash_html_components",
      props: { children: words, className: "note-words is-trouble" } };
    window.dash_clientside.set_props("note", { children: note });
  }

  function fill(made, card, place) {
    const head = element("div", "card-head");
    head.append(element("span", "lamp is-" + card.state), element("h2", "", card.name),
      element("span", "card-state", card.word));
    if (card.since) {
      const since = element("span", "card-since since");
      since.dataset.since = card.since;
      head.append(since);
    }
    const rest = card.jobs.length ? element("div", "card-jobs") : element("p", "card-why", card.why);
    card.jobs.forEach((one) => rest.append(job(one)));
    if (card.jobs.length && card.why) {
      rest.append(element("p", "card-why", card.why));
    }
    made.replaceChildren(head, element("p", "card-about", card.about), slots(card), rest,
      element("div", "gauges"), element("p", "card-today"), buttons(place, card));
  }

  function put(place, card) {
    let made = Array.from(place.children).find((one) => one.dataset.machine === card.name);
    // Curves change with every heartbeat: what else is on the card stays as it is, the focus on it too.
    const words = JSON.stringify(Object.assign({}, card, { load: null }));
    if (made && made.idlehandsCard === words) {
      drawLoad(made, card.load);
      return;
    }
    if (!made) {
      made = element("article", "card");
      made.dataset.machine = card.name;
      const next = Array.from(place.children).find((one) => one.dataset.machine > card.name);
      place.insertBefore(made, next || null);
    }
    made.idlehandsCard = words;
    fill(made, card, place);
    drawLoad(made, card.load);
    drawToday(made, place);
  }

  // `all`: these are all that there are. `put`: these changed. `today`: a line for each, by name.
  window.idlehands = Object.assign(window.idlehands || {}, {
    drawCards: function (place, change) {
      if (change.all) {
        const names = new Set(change.all.map((card) => card.name));
        Array.from(place.children).filter((one) => !names.has(one.dataset.machine)).forEach((one) => one.remove());
      }
      (change.all || change.put || []).forEach((card) => put(place, card));
      if (change.today) {
        place.idlehandsToday = change.today[0];
        Array.from(place.children).forEach((made) => drawToday(made, place));
      }
    },
  });
})();
