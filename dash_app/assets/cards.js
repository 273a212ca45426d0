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

  const HOUR = 3600;
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
    const rest = card.jobs.length ? element("div", "card-jobs") : element("p", "card-why", card.why);
    card.jobs.forEach((one) => rest.append(job(one)));
    if (card.jobs.length && card.why) {
      rest.append(element("p", "card-why", card.why));
    }
    made.replaceChildren(head, element("p", "card-about", card.about), slots(card), rest, buttons(place, card));
  }

  function put(place, card) {
    let made = Array.from(place.children).find((one) => one.dataset.machine === card.name);
    const words = JSON.stringify(card);
    if (made && made.idlehandsCard === words) {
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
  }

  // `all`: these are all that there are. `put`: these changed.
  window.idlehands = Object.assign(window.idlehands || {}, {
    drawCards: function (place, change) {
      if (change.all) {
        const names = new Set(change.all.map((card) => card.name));
        Array.from(place.children).filter((one) => !names.has(one.dataset.machine)).forEach((one) => one.remove());
      }
      (change.all || change.put || []).forEach((card) => put(place, card));
    },
  });
})();
