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
  // A tab that nobody sees is sent nothing after a while; seen again it is given everything anew.
  const UNSEEN_MS = 5000;
  const NOTHING = { path: "/nothing", query: "" };
  let asleep = false;
  let unseen = null;

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
      socket.send(JSON.stringify(asleep ? NOTHING : shown));
    }
  }

  function look() {
    clearTimeout(unseen);
    if (document.hidden) {
      unseen = setTimeout(function () { asleep = true; ask(); }, UNSEEN_MS);
    } else if (asleep) {
      asleep = false;
      ask();
    }
  }
  document.addEventListener("visibilitychange", look);
  look();

  function merge(message) {
    if (asleep) {
      return;
    }
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

  // A table whose code is still on its way, or that is not ready yet, is waited for, and what comes later
  // waits behind that: changes that are lost or overtake each other would leave an old row on the screen.
  const queues = new WeakMap();
  const LOOK_AGAIN_MS = 50;
  let early = {};

  function drawRows(id, parts) {
    const waiting = (early[id] || []).concat(parts);
    const table = document.getElementById(id);
    if (!table || !window.dash_ag_grid) {
      const page = shown;
      early[id] = waiting;
      setTimeout(function () {
        if (page === shown && early[id] === waiting) {
          drawRows(id, []);
        }
      }, LOOK_AGAIN_MS);
      return;
    }
    delete early[id];
    const before = queues.get(table) || Promise.resolve();
    queues.set(table, before.then(function () {
      return window.dash_ag_grid.getApiAsync(id);
    }).then(function (api) {
      return api.isDestroyed() ? null : changeRows(table, api, waiting);
    }).catch(function (error) {
      console.error("a table could not be changed", error);
    }));
  }

  // What each table is to show. The grid's component keeps rows of its own and may put back older ones a
  // moment after they were changed, so the grid is held against this again when it has come to rest.
  const models = new WeakMap();
  const REST_MS = [300, 1500];

  // A table that is open for days would hold every row that ever came: then it is read anew.
  const ROWS_KEPT = 1500;

  function changeRows(table, api, parts) {
    let model = models.get(table);
    if (!model) {
      model = { rows: new Map(), whole: false, timers: [], size: 0 };
      api.forEachNode(function (node) { model.rows.set(node.id, node.data); });
      model.size = model.rows.size;
      models.set(table, model);
    }
    const rows = model.rows;
    for (const part of parts) {
      if (part.all) {
        rows.clear();
        model.whole = true;
        model.size = part.all.length;
      }
      (part.all || []).concat(part.put || []).forEach(function (row) { rows.set(row.id, row); });
      (part.drop || []).forEach(function (id) { rows.delete(id); remove(api, id); });
      (part.patch || []).forEach(function (row) {
        if (rows.has(row.id)) {
          rows.set(row.id, Object.assign({}, rows.get(row.id), row));
        }
      });
    }
    if (rows.size > Math.max(ROWS_KEPT, 2 * model.size)) {
      model.size = rows.size;
      ask();
    }
    fit(table, api, rows.size);
    showRows(api, model);
    model.timers.forEach(clearTimeout);
    model.timers = REST_MS.map(function (pause) {
      return setTimeout(function () { showRows(api, model); }, pause);
    });
  }

  // A table of few rows is as high as they are, one of many or none as high as the window lets it.
  const FEW = 10;

  function fit(table, api, count) {
    const isShort = count > 0 && count <= FEW;
    if (isShort !== table.classList.contains("is-short")) {
      table.classList.toggle("is-short", isShort);
      api.setGridOption("domLayout", isShort ? "autoHeight" : "normal");
    }
  }

  function remove(api, id) {
    if (api.getRowNode(id)) {
      api.applyTransaction({ remove: [{ id: id }] });
    }
  }

  function showRows(api, model) {
    if (api.isDestroyed()) {
      return;
    }
    const change = { add: [], update: [], remove: [] };
    model.rows.forEach(function (row, id) {
      const node = api.getRowNode(id);
      if (!node) {
        change.add.push(row);
      } else if (JSON.stringify(node.data) !== JSON.stringify(row)) {
        change.update.push(row);
      }
    });
    if (model.whole) {
      api.forEachNode(function (node) { if (!model.rows.has(node.id)) { change.remove.push({ id: node.id }); } });
    }
    if (change.add.length + change.update.length + change.remove.length) {
      api.applyTransaction(change);
    }
  }

  // A line is text, or runs of text with the classes of their colours.
  const COLOURS = /^(ansi-[a-z-]+( |$))*$/;

  function drawLine(line) {
    const element = document.createElement("div");
    if (typeof line === "string") {
      element.textContent = line;
      return element;
    }
    for (const [text, classes] of line) {
      const run = document.createElement("span");
      run.textContent = text;
      run.className = COLOURS.test(classes) ? classes : "";
      element.appendChild(run);
    }
    return element;
  }

  function drawLines(log, part) {
    const atEnd = log.scrollHeight - log.scrollTop - log.clientHeight < 40;
    if (part.reset) {
      log.textContent = "";
    }
    const added = document.createDocumentFragment();
    for (const line of part.lines) {
      added.appendChild(drawLine(line));
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

  // The address changed without another page: what is sent follows it.
  window.idlehands = window.idlehands || {};
  window.idlehands.lookAgain = function () {
    shown = { path: location.pathname, query: location.search };
    ask();
  };

  window.idlehands.drawRows = drawRows;
  window.dash_clientside = window.dash_clientside || {};
  window.dash_clientside.idlehands = {
    resultsAddress: function () { return window.idlehands.resultsAddress.apply(null, arguments); },
    resultsPicked: function (selected) { return window.idlehands.resultsPicked(selected); },
    // Called when a page was put in place: from now on it is the one that is asked for.
    shown: function () {
      shown = { path: location.pathname, query: location.search };
      early = {};
      document.querySelectorAll("[data-cards]").forEach(function (place) {
        window.idlehands.drawCards(place, { all: JSON.parse(place.dataset.cards) });
      });
      (window.idlehands.whenShown || []).forEach(function (show) { show(); });
      if (socket === null && failures === 0) {
        connect();
      } else {
        ask();
      }
      return location.pathname + location.search;
    },
  };
})();
