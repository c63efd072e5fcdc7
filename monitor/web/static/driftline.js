// What is live on a page, and nothing that a page would not do without it: it reads the page again when something
// happens. One connection a tab; where that fails, it looks every 15 seconds.
"use strict";
(() => {
  const main = document.getElementById("main");
  const told = document.getElementById("live");
  const POLL_MS = 15000;
  const SOON_MS = 400;
  let timer = 0;
  let polling = 0;
  let stale = false;

  const say = (words) => { if (told && told.textContent !== words) { told.textContent = words; } };

  // Somebody who writes, or has opened a form or a table, is not interrupted.
  const busy = () => {
    const active = document.activeElement;
    const writing = active && active.closest("form") && active.closest("main");
    const filled = [...main.querySelectorAll("textarea, input[type=text], input[type=number]")]
      .some((field) => field.value !== field.defaultValue);
    return writing || filled || main.querySelector("details[open]") !== null;
  };

  const refresh = async () => {
    timer = 0;
    if (document.hidden || busy()) { stale = true; return; }
    stale = false;
    try {
      const answer = await fetch(location.href, { headers: { Accept: "text/html" }, redirect: "error" });
      if (!answer.ok) { say("This page could not be refreshed."); return; }
      const fresh = new DOMParser().parseFromString(await answer.text(), "text/html").getElementById("main");
      if (!fresh || busy()) { return; }
      for (const box of fresh.querySelectorAll(".box.good[role=status]")) { box.remove(); }
      const before = [...main.querySelectorAll("[tabindex='0'], a, button")].indexOf(document.activeElement);
      main.replaceChildren(...fresh.childNodes);
      if (before >= 0) {
        const place = main.querySelectorAll("[tabindex='0'], a, button")[before];
        if (place) { place.focus({ preventScroll: true }); }
      }
    } catch {
      say("Driftline does not answer; what you see may be old.");
    }
  };

  const soon = () => { timer = timer || setTimeout(refresh, SOON_MS); };

  const listen = () => {
    const source = new EventSource("/events");
    source.addEventListener("open", () => { clearInterval(polling); polling = 0; say("Live."); });
    source.addEventListener("entry", (event) => {
      const mine = main.dataset.incident;
      if (!mine || String(JSON.parse(event.data).incident) === mine) { soon(); }
    });
    source.addEventListener("judged", () => { if (!main.dataset.incident) { soon(); } });
    source.addEventListener("error", () => {
      say("Not live; this page looks every 15 seconds.");
      polling = polling || setInterval(refresh, POLL_MS);
      if (source.readyState === EventSource.CLOSED) { setTimeout(listen, 4 * POLL_MS); }
    });
    addEventListener("pagehide", () => source.close(), { once: true });
  };

  // A link to a form opens it and puts the cursor there.
  const open = () => {
    const goal = location.hash.length > 1 ? document.getElementById(location.hash.slice(1)) : null;
    if (goal && goal.tagName === "DETAILS") {
      goal.open = true;
      const field = goal.querySelector("textarea, input:not([type=hidden]), select");
      if (field) { field.focus(); }
    }
  };
  addEventListener("hashchange", open);
  open();

  // One click is one act.
  addEventListener("submit", (event) => {
    const button = event.submitter;
    if (button) { setTimeout(() => { button.disabled = true; }, 0); }
  });
  addEventListener("pageshow", () => {
    for (const button of document.querySelectorAll("button:disabled")) { button.disabled = false; }
  });

  if (main && main.hasAttribute("data-live") && typeof EventSource === "function") {
    document.addEventListener("visibilitychange", () => { if (!document.hidden && stale) { soon(); } });
    listen();
  }
})();
