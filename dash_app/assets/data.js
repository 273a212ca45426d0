// Uploads of files as datasets: hashed here piece by piece, sent in pieces, gone on with where they broke off.
"use strict";
(function () {
  const HASH_BYTES = 4 * 1024 * 1024;
  // Pieces are multiples of what the house stores in one go.
  const PIECE_BYTES = 261120 * 16;
  const MOST_BYTES = 8 * 1024 * 1024 * 1024;
  const TRIES = 5;
  const NAME = /^[a-z0-9][a-z0-9._-]{0,62}$/;

  // SHA-256 (FIPS 180-4), because the browser's own takes a whole file at once, and https or localhost only.
  const K = new Uint32Array(64);
  const START = new Uint32Array(8);
  (function () {
    const isPrime = (n) => { for (let d = 2; d * d <= n; d++) { if (n % d === 0) { return false; } } return true; };
    const fraction = (x) => ((x - Math.floor(x)) * 4294967296) >>> 0;
    for (let n = 2, at = 0; at < 64; n++) {
      if (isPrime(n)) {
        K[at] = fraction(Math.cbrt(n));
        if (at < 8) {
          START[at] = fraction(Math.sqrt(n));
        }
        at += 1;
      }
    }
  })();

  function Hash() {
    const state = new Uint32Array(START);
    const words = new Uint32Array(64);
    let rest = new Uint8Array(0);
    let length = 0;

    function block(bytes, from) {
      for (let t = 0; t < 16; t++) {
        const at = from + 4 * t;
        words[t] = (bytes[at] << 24) | (bytes[at + 1] << 16) | (bytes[at + 2] << 8) | bytes[at + 3];
      }
      for (let t = 16; t < 64; t++) {
        const x = words[t - 15], y = words[t - 2];
        const s0 = ((x >>> 7) | (x << 25)) ^ ((x >>> 18) | (x << 14)) ^ (x >>> 3);
        const s1 = ((y >>> 17) | (y << 15)) ^ ((y >>> 19) | (y << 13)) ^ (y >>> 10);
        words[t] = (words[t - 16] + s0 + words[t - 7] + s1) | 0;
      }
      let a = state[0], b = state[1], c = state[2], d = state[3];
      let e = state[4], f = state[5], g = state[6], h = state[7];
      for (let t = 0; t < 64; t++) {
        const s1 = ((e >>> 6) | (e << 26)) ^ ((e >>> 11) | (e << 21)) ^ ((e >>> 25) | (e << 7));
        const one = (h + s1 + ((e & f) ^ (~e & g)) + K[t] + words[t]) | 0;
        const s0 = ((a >>> 2) | (a << 30)) ^ ((a >>> 13) | (a << 19)) ^ ((a >>> 22) | (a << 10));
        const two = (s0 + ((a & b) ^ (a & c) ^ (b & c))) | 0;
        h = g; g = f; f = e; e = (d + one) | 0; d = c; c = b; b = a; a = (one + two) | 0;
      }
      [a, b, c, d, e, f, g, h].forEach(function (value, at) { state[at] = (state[at] + value) | 0; });
    }

    this.add = function (bytes) {
      length += bytes.length;
      let whole = bytes;
      if (rest.length) {
        whole = new Uint8Array(rest.length + bytes.length);
        whole.set(rest);
        whole.set(bytes, rest.length);
      }
      let at = 0;
      for (; at + 64 <= whole.length; at += 64) {
        block(whole, at);
      }
      rest = whole.slice(at);
    };

    this.end = function () {
      const bits = length * 8;
      const last = new Uint8Array(rest.length + 9 <= 64 ? 64 : 128);
      last.set(rest);
      last[rest.length] = 0x80;
      const view = new DataView(last.buffer);
      view.setUint32(last.length - 8, Math.floor(bits / 4294967296));
      view.setUint32(last.length - 4, bits >>> 0);
      for (let at = 0; at < last.length; at += 64) {
        block(last, at);
      }
      return Array.from(state, (value) => value.toString(16).padStart(8, "0")).join("");
    };
  }

  function say(words, isTrouble) {
    const place = document.getElementById("data-said");
    if (place) {
      place.textContent = words;
      place.classList.toggle("failure", Boolean(isTrouble));
    }
  }

  function show(part) {
    const bar = document.getElementById("data-bar");
    if (bar) {
      bar.hidden = part === null;
      bar.setAttribute("aria-valuenow", String(Math.round(100 * (part || 0))));
      bar.firstElementChild.style.width = 100 * (part || 0) + "%";
    }
  }

  async function ask(method, path, body, type) {
    const answer = await fetch(path, { method: method, body: body, headers: body ? { "Content-Type": type } : {} });
    const said = await answer.json().catch(() => ({}));
    if (!answer.ok) {
      const error = new Error(said.detail || "The server answered " + answer.status + ".");
      error.again = answer.status >= 500 || answer.status === 409;
      throw error;
    }
    return said;
  }

  async function hashOf(file) {
    const hash = new Hash();
    for (let at = 0; at < file.size; at += HASH_BYTES) {
      hash.add(new Uint8Array(await file.slice(at, at + HASH_BYTES).arrayBuffer()));
      show(Math.min(1, (at + HASH_BYTES) / file.size) * 0.2);
      say("Reading " + file.name + " ...");
    }
    return hash.end();
  }

  async function send(file, sha256) {
    const place = "/data/blobs/" + sha256 + "/pieces";
    for (let failures = 0; ;) {
      try {
        let known = await ask("GET", place);
        while (!known.whole) {
          const piece = file.slice(known.received, known.received + PIECE_BYTES);
          known = await ask("PUT", place + "/" + known.received + "?total=" + file.size, piece, "application/octet-stream");
          failures = 0;
          show(0.2 + 0.8 * (file.size ? known.received / file.size : 1));
          say("Sending " + file.name + ": " + Math.round(100 * known.received / Math.max(1, file.size)) + " %");
        }
        return;
      } catch (error) {
        failures += 1;
        // A broken connection is a TypeError: what is there is asked for again, and gone on with.
        if (failures > TRIES || !(error.again || error instanceof TypeError)) {
          throw error;
        }
        say("The connection broke; going on in a moment.");
        await new Promise((done) => setTimeout(done, 1000 * failures));
      }
    }
  }

  let busy = false;

  async function upload(file, name) {
    if (busy) {
      return;
    }
    if (!NAME.test(name)) {
      say("A name has lower-case letters, digits, dots, hyphens and underscores, at most 63.", true);
      return;
    }
    if (file.size === 0 || file.size > MOST_BYTES) {
      say(file.name + (file.size ? " is over 8 GiB, the most that a dataset has." : " is empty."), true);
      return;
    }
    busy = true;
    try {
      const sha256 = await hashOf(file);
      await send(file, sha256);
      const about = JSON.stringify({ kind: "file", filename: file.name, files: 1 });
      const done = await ask("PUT", "/data/sets/" + name + "/" + sha256, about, "application/json");
      show(null);
      say(done.new ? "Added." : "This version was there already.");
      window.idlehands.go("/data/" + name);
    } catch (error) {
      show(null);
      say("It was not added: " + error.message + " Choose it again to go on where it stopped.", true);
    } finally {
      busy = false;
    }
  }

  function named(file) {
    const stem = file.name.toLowerCase().replace(/\.[a-z0-9]+$/, "").replace(/[^a-z0-9._-]+/g, "-");
    return stem.replace(/^[^a-z0-9]+/, "").slice(0, 63);
  }

  function element(tag, attributes, text) {
    const made = document.createElement(tag);
    Object.entries(attributes).forEach(function (pair) { made.setAttribute(pair[0], pair[1]); });
    made.textContent = text || "";
    return made;
  }

  function build() {
    const place = document.getElementById("data-choose");
    if (!place || place.firstChild) {
      return;
    }
    const file = element("input", { type: "file", id: "data-file" });
    const name = element("input", { type: "text", id: "data-name", class: "plain-input", autocomplete: "off", spellcheck: "false" });
    const add = element("button", { type: "button", id: "data-add", class: "button" }, "Add");
    const forFile = element("label", { for: "data-file" }, "Drop a file here, or choose one");
    const forName = element("label", { for: "data-name" }, "Name");
    file.addEventListener("change", function () {
      if (file.files.length && !name.value) {
        name.value = named(file.files[0]);
      }
    });
    add.addEventListener("click", function () {
      if (file.files.length) {
        upload(file.files[0], name.value.trim());
      } else {
        say("Choose a file first.", true);
      }
    });
    const drop = document.getElementById("data-upload");
    drop.addEventListener("dragover", function (event) { event.preventDefault(); drop.classList.add("is-over"); });
    drop.addEventListener("dragleave", function () { drop.classList.remove("is-over"); });
    drop.addEventListener("drop", function (event) {
      event.preventDefault();
      drop.classList.remove("is-over");
      if (event.dataTransfer.files.length) {
        file.files = event.dataTransfer.files;
        name.value = named(file.files[0]);
      }
    });
    place.append(forFile, file, forName, name, add);
  }

  new MutationObserver(build).observe(document.documentElement, { childList: true, subtree: true });
  window.idlehands = Object.assign(window.idlehands || {}, {
    go: function (address) {
      history.pushState({}, "", address);
      window.dispatchEvent(new CustomEvent("_dashprivate_pushstate"));
      window.scrollTo(0, 0);
    },
    Hash: Hash,
  });
})();
