// A script from this computer: dropped or chosen, sent as it is, and its form shown.
"use strict";
(function () {
  const MOST_BYTES = 16 * 1024 * 1024;
  const TAKEN = /\.(py|zip)$/i;
  let busy = false;

  function say(words, isTrouble) {
    const place = document.getElementById("script-said");
    if (place) {
      place.textContent = words;
      place.classList.toggle("failure", Boolean(isTrouble));
    }
  }

  async function send(file) {
    if (busy) {
      return;
    }
    if (!TAKEN.test(file.name)) {
      say(file.name + " is no .py and no .zip.", true);
      return;
    }
    if (file.size === 0 || file.size > MOST_BYTES) {
      say(file.name + (file.size ? " is over 16 MiB. Data goes to Data." : " is empty."), true);
      return;
    }
    busy = true;
    say("Sending " + file.name + " \u2026");
    try {
      const answer = await fetch("/new/upload?name=" + encodeURIComponent(file.name), {
        method: "PUT", body: file, headers: { "Content-Type": "application/octet-stream" },
      });
      const said = await answer.json().catch(() => ({}));
      if (!answer.ok) {
        throw new Error(said.detail || "The server answered " + answer.status + ".");
      }
      say("");
      window.idlehands.go("/new?script=" + encodeURIComponent(said.script));
    } catch (error) {
      say(error instanceof TypeError ? "The server does not answer, or " + file.name + " changed. Choose it again." : error.message, true);
    } finally {
      busy = false;
    }
  }

  function build() {
    const place = document.getElementById("script-choose");
    if (!place || place.firstChild) {
      return;
    }
    const label = document.createElement("label");
    label.htmlFor = "script-file";
    label.textContent = "Drop a .py or a .zip here, or choose one";
    const field = document.createElement("input");
    field.type = "file";
    field.id = "script-file";
    field.accept = ".py,.zip";
    field.addEventListener("change", function () {
      if (field.files.length) {
        send(field.files[0]);
        // The same file once more, after it was changed, is a choice too.
        field.value = "";
      }
    });
    const drop = document.getElementById("script-upload");
    drop.addEventListener("dragover", function (event) { event.preventDefault(); drop.classList.add("is-over"); });
    drop.addEventListener("dragleave", function () { drop.classList.remove("is-over"); });
    drop.addEventListener("drop", function (event) {
      event.preventDefault();
      drop.classList.remove("is-over");
      if (event.dataTransfer.files.length) {
        send(event.dataTransfer.files[0]);
      }
    });
    place.append(label, field);
  }

  new MutationObserver(build).observe(document.documentElement, { childList: true, subtree: true });
})();
