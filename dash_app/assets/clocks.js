// Durations that go on and times of day, in the zone of whoever looks; links that change the page in place.
"use strict";
(function () {
  function two(number) {
    return String(number).padStart(2, "0");
  }

  function duration(seconds) {
    if (seconds === null || seconds === undefined || !(seconds >= 0)) {
      return "";
    }
    if (seconds < 1) {
      return Math.round(seconds * 1000) + " ms";
    }
    if (seconds < 10) {
      return seconds.toFixed(1) + " s";
    }
    const whole = Math.floor(seconds);
    if (whole < 60) {
      return whole + " s";
    }
    if (whole < 3600) {
      return Math.floor(whole / 60) + " min " + (whole % 60) + " s";
    }
    if (whole < 86400) {
      return Math.floor(whole / 3600) + " h " + Math.floor((whole % 3600) / 60) + " min";
    }
    return Math.floor(whole / 86400) + " d " + Math.floor((whole % 86400) / 3600) + " h";
  }

  function moment(unix) {
    if (!unix) {
      return "";
    }
    const at = new Date(unix * 1000);
    const time = two(at.getHours()) + ":" + two(at.getMinutes()) + ":" + two(at.getSeconds());
    if (at.toDateString() === new Date().toDateString()) {
      return time;
    }
    return at.getFullYear() + "-" + two(at.getMonth() + 1) + "-" + two(at.getDate()) + " " + time;
  }

  // How far each job was when its bar was first seen here: what it does from then on is its pace.
  const seen = {};

  function remaining(job, percent, began, now) {
    if (!(percent > 0) || percent >= 100 || !(began > 0) || now - began < 3) {
      return "";
    }
    const known = seen[job] && seen[job].began === began ? seen[job] : { began: began, at: now, percent: percent };
    seen[job] = known;
    if (known.last !== percent) {
      // One that went on from a checkpoint did not do all of it since it began.
      const isKnown = percent - known.percent >= 2 && now > known.at;
      const pace = isKnown ? (percent - known.percent) / (now - known.at) : percent / (now - began);
      known.last = percent;
      known.until = now + (100 - percent) / pace;
    }
    const minutes = Math.ceil((known.until - now) / 60);
    const words = minutes <= 1 ? "less than a minute" : minutes < 90 ? "about " + minutes + " min" :
      minutes < 2880 ? "about " + Math.round(minutes / 60) + " h" : "about " + Math.round(minutes / 1440) + " d";
    return ", " + Math.floor(percent) + " %, " + words + " left";
  }

  function tick() {
    const now = Date.now() / 1000;
    for (const element of document.querySelectorAll("[data-since]")) {
      const began = Number(element.dataset.since);
      const text = began > 0 ? duration(Math.max(1, Math.floor(now - began))).replace(".0", "") : "";
      if (element.textContent !== text) {
        element.textContent = text;
      }
    }
    for (const element of document.querySelectorAll("[data-left]")) {
      const job = element.dataset.left;
      const bar = document.querySelector('.bar[data-bar="' + CSS.escape(job) + '"]:not(.is-unknown)');
      const percent = bar ? parseFloat(bar.firstElementChild.style.width) : 0;
      const text = remaining(job, percent, Number(element.dataset.began), now);
      if (element.textContent !== text) {
        element.textContent = text;
      }
    }
    for (const element of document.querySelectorAll("[data-clock]")) {
      const text = moment(Number(element.dataset.clock));
      if (element.textContent !== text) {
        element.textContent = text;
      }
    }
  }

  document.addEventListener("click", function (event) {
    const link = event.target.closest && event.target.closest("a[href^='/']");
    if (!link || event.defaultPrevented || event.button !== 0 || event.metaKey || event.ctrlKey ||
        event.shiftKey || event.altKey || link.target || link.hasAttribute("download")) {
      return;
    }
    event.preventDefault();
    history.pushState({}, "", link.getAttribute("href"));
    window.dispatchEvent(new CustomEvent("_dashprivate_pushstate"));
    window.scrollTo(0, 0);
  });

  let waiting = false;
  new MutationObserver(function () {
    if (!waiting) {
      waiting = true;
      requestAnimationFrame(function () { waiting = false; tick(); });
    }
  }).observe(document.documentElement, { childList: true, subtree: true });
  setInterval(tick, 1000);
  window.idlehands = Object.assign(window.idlehands || {}, { duration: duration, moment: moment });
})();
