// Sends the code behind # in the link, once, and goes to the page. Nothing is kept.
"use strict";
(function () {
  const words = document.getElementById("words");
  const form = document.getElementById("form");

  function ask(text) {
    words.textContent = text;
    form.hidden = false;
    document.getElementById("how").hidden = false;
  }

  async function logIn(code) {
    words.textContent = "Logging in …";
    let answer;
    try {
      answer = await fetch("/login", {
        method: "POST",
        headers: { "Content-Type": "application/json" },
        body: JSON.stringify({ code: code }),
      });
    } catch (error) {
      return ask("The server does not answer. Is the house up?");
    }
    if (!answer.ok) {
      const problem = await answer.json().catch(() => null);
      return ask(problem ? problem.detail : "The server refused the login.");
    }
    const entered = await fetch("/_dash-dependencies").catch(() => null);
    if (!entered || !entered.ok) {
      return ask("The login was right, but this browser did not keep the cookie for it. Open the page " +
        "by https, or on the HQ host itself at http://127.0.0.1 or http://localhost.");
    }
    location.replace("/");
  }

  form.addEventListener("submit", function (event) {
    event.preventDefault();
    const given = document.getElementById("code").value.trim();
    logIn(given.slice(given.lastIndexOf("#") + 1));
  });

  const code = location.hash.slice(1);
  history.replaceState(null, "", "/login");
  if (!window.isSecureContext) {
    ask("Browsers keep a login for https, or for http on the same computer only. This address is " +
      "neither: put a proxy with https before the house, or open the page on the HQ host at http://127.0.0.1.");
    form.hidden = true;
  } else if (code) {
    logIn(code);
  } else {
    ask("You are not logged in here.");
  }
})();
