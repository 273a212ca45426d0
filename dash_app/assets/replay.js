// A past hour of the house played again: its events come onto the table as they came then, quicker or step by step.
// What is played and where it stands is in the address.
"use strict";
(function () {
  const GRID = "events-grid";
  const BARS = 90;
  const TICK_MS = 250;
  const SPEEDS = [1, 10, 60, 300];
  let now = null;

  function element(tag, attributes, children) {
    const made = document.createElement(tag);
    Object.entries(attributes || {}).forEach(function (pair) { made.setAttribute(pair[0], pair[1]); });
    [].concat(children || []).forEach(function (child) { made.append(child); });
    return made;
  }

  // A moment as fields for date and time have it, in the zone of whoever looks.
  function written(unix) {
    const at = new Date(unix * 1000);
    return new Date(at.getTime() - at.getTimezoneOffset() * 60000).toISOString().slice(0, 19);
  }

  function remember() {
    const params = new URLSearchParams(location.search);
    // To the thousandth: an event is at its moment, not before.
    params.set("at", now.at.toFixed(3));
    params.set("speed", String(now.speed));
    history.replaceState(history.state, "", "?" + params);
  }

  // How many events there were until a moment.
  function countUntil(at) {
    let low = 0;
    let high = now.rows.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (now.rows[middle].at <= at) { low = middle + 1; } else { high = middle; }
    }
    return low;
  }

  function seek(at) {
    now.at = Math.max(now.first, Math.min(now.last, at));
    const count = countUntil(now.at);
    if (count > now.shown) {
      window.idlehands.drawRows(GRID, [{ put: now.rows.slice(now.shown, count) }]);
    } else if (count < now.shown) {
      window.idlehands.drawRows(GRID, [{ drop: now.rows.slice(count, now.shown).map((row) => row.id) }]);
    }
    now.shown = count;
    draw();
  }

  function draw() {
    const parts = now.parts;
    parts.slider.value = String(now.at);
    parts.slider.setAttribute("aria-valuetext", window.idlehands.moment(now.at));
    parts.cursor.style.left = 100 * (now.at - now.first) / Math.max(1, now.last - now.first) + "%";
    parts.clock.textContent = window.idlehands.moment(now.at);
    const counts = new Map();
    now.rows.slice(0, now.shown).forEach((row) => counts.set(row.what, (counts.get(row.what) || 0) + 1));
    const most = Array.from(counts).sort((a, b) => b[1] - a[1]).slice(0, 6);
    parts.said.textContent = now.shown + " of " + now.rows.length + " events" +
      (most.length ? ": " + most.map((one) => one[1] + " " + one[0].replace(/^[A-Z](?=[a-z])/, (letter) => letter.toLowerCase())).join(", ") : "") +
      (now.more ? ". There are more: choose a shorter time or fewer kinds" : "") + ".";
    parts.play.textContent = now.timer ? "Pause" : "Play";
  }

  function stop() {
    if (now && now.timer) {
      clearInterval(now.timer);
      now.timer = null;
      remember();
      draw();
    }
  }

  function play() {
    if (now.timer) {
      stop();
      return;
    }
    if (now.at >= now.last) {
      seek(now.first);
    }
    const mine = now;
    now.timer = setInterval(function () {
      if (mine !== now || !document.body.contains(mine.parts.play)) {
        clearInterval(mine.timer);
        return;
      }
      seek(now.at + now.speed * TICK_MS / 1000);
      if (now.at >= now.last) {
        stop();
      }
    }, TICK_MS);
    draw();
  }

  // To the next event, or to before the last one.
  function step(by) {
    stop();
    const next = now.rows[by > 0 ? now.shown : now.shown - 2];
    seek(next ? next.at : by > 0 ? now.last : now.first);
    remember();
  }

  function button(words, does, kind) {
    const made = element("button", { type: "button", class: kind }, words);
    made.addEventListener("click", does);
    return made;
  }

  function times() {
    const from = element("input", { type: "datetime-local", step: "1", class: "plain-input", id: "replay-from", value: written(now.first) });
    const to = element("input", { type: "datetime-local", step: "1", class: "plain-input", id: "replay-to", value: written(now.last) });
    const show = button("Show", function () {
      const first = new Date(from.value).getTime() / 1000;
      const last = new Date(to.value).getTime() / 1000;
      if (!(last > first)) {
        now.parts.said.textContent = "It ends before it begins.";
        return;
      }
      const params = new URLSearchParams(location.search);
      params.set("from", String(Math.floor(first)));
      params.set("to", String(Math.ceil(last)));
      params.delete("at");
      window.idlehands.go("/events?" + params);
    }, "button is-plain");
    return element("div", { class: "replay-times" }, [
      element("label", { for: "replay-from" }, "From"), from, element("label", { for: "replay-to" }, "to"), to, show,
    ]);
  }

  function strip() {
    const counts = new Array(BARS).fill(0);
    const span = Math.max(1, now.last - now.first);
    now.rows.forEach(function (row) {
      counts[Math.max(0, Math.min(BARS - 1, Math.floor(BARS * (row.at - now.first) / span)))] += 1;
    });
    const most = Math.max(1, ...counts);
    const bars = counts.map(function (count) {
      const bar = element("span");
      bar.style.height = (count ? Math.max(5, 100 * count / most) : 0) + "%";
      return bar;
    });
    now.parts.cursor = element("i");
    now.parts.slider = element("input", { type: "range", min: now.first, max: now.last, step: "1", "aria-label": "Moment" });
    now.parts.slider.addEventListener("input", function () { seek(Number(now.parts.slider.value)); });
    now.parts.slider.addEventListener("change", remember);
    return element("div", { class: "replay-strip" }, [element("div", { class: "replay-bars" }, bars.concat(now.parts.cursor)), now.parts.slider]);
  }

  function controls() {
    const parts = now.parts;
    parts.play = button("Play", play, "button");
    parts.play.id = "replay-play";
    const speed = element("select", { class: "plain-input", "aria-label": "Speed" },
      SPEEDS.map((one) => element("option", { value: one }, one + "\u00d7")));
    speed.value = String(now.speed);
    speed.addEventListener("change", function () { now.speed = Number(speed.value); remember(); });
    parts.clock = element("strong", { class: "replay-clock" });
    parts.said = element("p", { class: "quiet", id: "replay-said" });
    return element("div", { class: "replay-controls" }, [
      parts.play, button("Step back", () => step(-1), "button is-plain"), button("Step", () => step(1), "button is-plain"),
      speed, parts.clock, parts.said,
    ]);
  }

  function build() {
    const place = document.getElementById("replay");
    if (now && now.timer) {
      clearInterval(now.timer);
    }
    now = null;
    if (!place) {
      return;
    }
    const params = new URLSearchParams(location.search);
    const first = Number(place.dataset.first);
    const last = Number(place.dataset.last);
    const speed = Number(params.get("speed"));
    const mine = now = { rows: [], shown: 0, first: first, last: last, at: first, more: false, timer: null, parts: {},
      speed: SPEEDS.includes(speed) ? speed : 60 };
    const query = new URLSearchParams({ from: first, to: last, kind: params.get("kind") || "", about: params.get("about") || "" });
    fetch("/events/rows?" + query).then(function (answer) {
      return answer.json().then(function (said) {
        if (mine !== now) {
          return;
        }
        if (!answer.ok) {
          place.textContent = said.detail;
          return;
        }
        now.rows = said.rows;
        now.more = said.more;
        place.replaceChildren(times(), strip(), controls());
        const wanted = params.get("at");
        seek(wanted ? Number(wanted) + 0.001 : last);
      });
    }).catch(function () { place.textContent = "The server does not answer; reload this page."; });
  }

  window.idlehands = window.idlehands || {};
  window.idlehands.whenShown = (window.idlehands.whenShown || []).concat(build);
})();
