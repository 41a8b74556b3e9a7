"use strict";
// In Airflow's UI the pages are in a frame whose sandbox opens no other window and leaves its own not: what leads elsewhere is
// clicked in the page around it. Theme and language are that page's, too.
(function () {
  const root = document.documentElement;
  let around = null;
  try {
    around = window.parent !== window && window.parent.document ? window.parent : null;
  } catch {
    around = null; // another origin's page
  }

  function setting(name) {
    try {
      return window.localStorage.getItem(name);
    } catch {
      return null;
    }
  }

  function follow() {
    const classes = around ? around.document.documentElement.classList : null;
    const said = classes && classes.contains("dark") ? "dark" : classes && classes.contains("light") ? "light" : setting("theme");
    if (said === "dark" || said === "light") root.dataset.theme = said;
    else delete root.dataset.theme;
  }

  function speak() {
    const said = (setting("i18nextLng") || "").split("-")[0].toLowerCase();
    const known = (document.cookie.match(/(?:^|; )daybreak_language=([a-z]*)/) || [])[1];
    if (!/^[a-z]{2}$/.test(said) || said === known) return;
    const path = location.pathname.replace(/daybreak\/.*$/, "daybreak/");
    document.cookie = `daybreak_language=${said}; path=${path}; max-age=31536000; SameSite=Lax`;
    if (document.cookie.includes(`daybreak_language=${said}`)) location.reload();
  }

  root.classList.add("scripted");
  follow();
  speak();
  if (around) new MutationObserver(follow).observe(around.document.documentElement, { attributes: true, attributeFilter: ["class"] });
  window.addEventListener("storage", () => {
    follow();
    speak();
  });

  document.addEventListener("click", (event) => {
    const link = event.target.closest("a[data-top]");
    if (!around || !link || event.defaultPrevented || event.button !== 0) return;
    event.preventDefault();
    const outside = around.document.createElement("a");
    outside.href = link.href;
    if (event.ctrlKey || event.metaKey || event.shiftKey) outside.target = "_blank";
    outside.rel = "noopener";
    around.document.body.append(outside);
    outside.click();
    outside.remove();
  });

  document.addEventListener("change", (event) => {
    if (event.target.matches(".filters select")) event.target.form.requestSubmit();
  });

  function name(element) {
    return element.getAttribute("href") || element.getAttribute("aria-label");
  }

  // What is shown is kept up to date while somebody looks, and nobody types.
  async function renew() {
    if (document.hidden || !document.querySelector("main[data-renew]") || document.querySelector(".filters :focus")) return;
    const answer = await fetch(location.href, { headers: { Accept: "text/html" }, redirect: "manual" });
    if (answer.type === "opaqueredirect" || answer.status === 401) location.reload(); // the session has ended: that says so
    if (!answer.ok) return;
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const main = page.querySelector("main");
    const at = document.activeElement && name(document.activeElement);
    if (!main) return;
    document.querySelector("main").replaceWith(main);
    if (at) {
      const again = [...main.querySelectorAll("a, button")].find((each) => name(each) === at);
      if (again) again.focus({ preventScroll: true });
    }
  }
  const seconds = document.currentScript.dataset.every || 20;
  setInterval(() => renew().catch(() => {}), 1000 * seconds);
})();
