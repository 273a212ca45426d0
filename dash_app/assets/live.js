// Brings what happens in the house onto the page that is open, by one WebSocket.
// Everything that arrives between two frames is drawn once. Text is only ever set as text.
"use strict";
(function () {
  const LINES_KEPT = 5000;
  const PAUSES = [250, 500, 1000, 2000, 4000];
  let socket = null;
  let failures = 0;
  let shown = null;
  let pending = null;
  let scheduled = false;

  function say(state) {
    document.documentElement.dataset.live = state;
  }

  function connect() {
    const scheme = location.protocol === "https:" ? "wss://" : "ws://";
    socket = new WebSocket(scheme + location.host + "/ws/events");
    socket.onopen = function () {
      failures = 0;
      say("on");
      ask();
    };
    socket.onmessage = function (event) {
      const message = JSON.parse(event.data);
      if (message.again) {
        setTimeout(ask, 500 + 1000 * Math.random());
      } else {
        merge(message);
      }
    };
    socket.onclose = function () {
      socket = null;
      say("off");
      const pause = PAUSES[Math.min(failures, PAUSES.length - 1)];
      failures += 1;
      if (failures > 1) {
        checkLogin();
      }
      setTimeout(connect, pause * (0.75 + 0.5 * Math.random()));
    };
  }

  // A server that answers but refuses us: the login is over, and a reload leads to it.
  function checkLogin() {
    fetch("/_dash-dependencies", { cache: "no-store" }).then(function (answer) {
      if (answer.status === 401) {
        location.reload();
      }
    }).catch(function () {});
  }

  function ask() {
    if (shown && socket && socket.readyState === WebSocket.OPEN) {
      pending = null;
      socket.send(JSON.stringify(shown));
    }
  }

  function merge(message) {
    pending = pending || { props: {}, rows: {}, lines: {}, cards: {}, bars: {} };
    for (const [id, props] of Object.entries(message.props || {})) {
      pending.props[id] = Object.assign(pending.props[id] || {}, props);
    }
    for (const [id, rows] of Object.entries(message.rows || {})) {
      pending.rows[id] = (rows.all ? [] : pending.rows[id] || []).concat(rows);
    }
    for (const [id, lines] of Object.entries(message.lines || {})) {
      pending.lines[id] = (lines.reset ? [] : pending.lines[id] || []).concat(lines);
    }
    for (const [id, cards] of Object.entries(message.cards || {})) {
      pending.cards[id] = (cards.all ? [] : pending.cards[id] || []).concat(cards);
    }
    Object.assign(pending.bars, message.bars || {});
    if (!scheduled) {
      scheduled = true;
      requestAnimationFrame(draw);
    }
  }

  function draw() {
    scheduled = false;
    const now = pending;
    pending = null;
    if (!now) {
      return;
    }
    for (const [id, props] of Object.entries(now.props)) {
      if (document.getElementById(id)) {
        window.dash_clientside.set_props(id, props);
      }
    }
    for (const [id, rows] of Object.entries(now.rows)) {
      drawRows(id, rows);
    }
    for (const [id, parts] of Object.entries(now.lines)) {
      const log = document.getElementById(id);
      if (log) {
        parts.forEach((part) => drawLines(log, part));
      }
    }
    for (const [id, parts] of Object.entries(now.cards)) {
      const place = document.getElementById(id);
      if (place) {
        parts.forEach((part) => window.idlehands.drawCards(place, part));
      }
    }
    drawBars(now.bars);
  }

  // A table that is not ready yet is waited for, and what comes later waits behind that: changes that
  // overtake each other would leave an old row on the screen.
  const queues = new WeakMap();

  function drawRows(id, parts) {
    const table = document.getElementById(id);
    if (!table || !window.dash_ag_grid) {
      return;
    }
    const before = queues.get(table) || Promise.resolve();
    queues.set(table, before.then(function () {
      return window.dash_ag_grid.getApiAsync(id);
    }).then(function (api) {
      return api.isDestroyed() ? null : changeRows(id, api, parts);
    }).catch(function (error) {
      console.error("a table could not be changed", error);
    }));
  }

  function changeRows(id, api, parts) {
    const whole = parts.some((rows) => rows.all);
    const put = new Map();
    const drop = new Set();
    for (const rows of parts) {
      (rows.all || []).concat(rows.put || []).forEach(function (row) { put.set(row.id, row); drop.delete(row.id); });
      (rows.drop || []).forEach(function (row) { drop.add(row); put.delete(row); });
      (rows.patch || []).forEach(function (row) {
        const known = put.get(row.id) || (whole ? undefined : (api.getRowNode(row.id) || {}).data);
        if (known && !drop.has(row.id)) {
          put.set(row.id, Object.assign({}, known, row));
        }
      });
    }
    if (whole) {
      // The grid's own property, and time to take it: it would put back what is set behind its back.
      window.dash_clientside.set_props(id, { rowData: Array.from(put.values()) });
      return new Promise((taken) => setTimeout(taken, 60));
    }
    const change = { add: [], update: [], remove: [] };
    put.forEach(function (row) { (api.getRowNode(row.id) ? change.update : change.add).push(row); });
    drop.forEach(function (row) { if (api.getRowNode(row)) { change.remove.push({ id: row }); } });
    api.applyTransaction(change);
    return null;
  }

  function drawLines(log, part) {
    const atEnd = log.scrollHeight - log.scrollTop - log.clientHeight < 40;
    if (part.reset) {
      log.textContent = "";
    }
    const added = document.createDocumentFragment();
    for (const line of part.lines) {
      const element = document.createElement("div");
      element.textContent = line;
      added.appendChild(element);
    }
    log.appendChild(added);
    while (log.childElementCount > LINES_KEPT) {
      log.firstElementChild.remove();
    }
    log.classList.toggle("is-empty", log.childElementCount === 0);
    if (atEnd || part.reset) {
      log.scrollTop = log.scrollHeight;
    }
  }

  function drawBars(bars) {
    if (Object.keys(bars).length === 0) {
      return;
    }
    for (const bar of document.querySelectorAll("[data-bar]")) {
      const percent = bars[bar.dataset.bar];
      if (percent !== undefined) {
        bar.classList.remove("is-unknown");
        bar.firstElementChild.style.width = Math.max(0, Math.min(100, percent)) + "%";
      }
    }
  }

  window.dash_clientside = window.dash_clientside || {};
  window.dash_clientside.idlehands = {
    // Called when a page was put in place: from now on it is the one that is asked for.
    shown: function () {
      shown = { path: location.pathname, query: location.search };
      document.querySelectorAll("[data-cards]").forEach(function (place) {
        window.idlehands.drawCards(place, { all: JSON.parse(place.dataset.cards) });
      });
      if (socket === null && failures === 0) {
        connect();
      } else {
        ask();
      }
      return location.pathname + location.search;
    },
  };
})();
