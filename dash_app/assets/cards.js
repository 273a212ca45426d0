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

  function fill(made, card) {
    const head = element("div", "card-head");
    head.append(element("span", "lamp is-" + card.state), element("h3", "", card.name),
      element("span", "card-state", card.word));
    const rest = card.jobs.length ? element("div", "card-jobs") : element("p", "card-why", card.why);
    card.jobs.forEach((one) => rest.append(job(one)));
    if (card.jobs.length && card.why) {
      rest.append(element("p", "card-why", card.why));
    }
    made.replaceChildren(head, element("p", "card-about", card.about), slots(card), rest);
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
    fill(made, card);
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
