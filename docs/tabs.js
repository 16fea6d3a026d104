// Tabs: one of several sections that stand below each other, by the reader's
// choice. A page marks them with <div class="tabs"> around headings of the third
// level; without a script each stays where it is. All groups of a page follow
// one choice, which is kept for the page and stands in its address.
(() => {
  "use strict";

  const groups = [];
  const key = `tabs:${location.pathname}`;

  // A browser may refuse to keep anything.
  const kept = () => {
    try {
      return localStorage.getItem(key);
    } catch {
      return null;
    }
  };
  const keep = (name) => {
    try {
      localStorage.setItem(key, name);
    } catch {
      // Then it is forgotten.
    }
  };

  // A group's tabs, each with its panel.
  const build = (root) => {
    const headings = [...root.querySelectorAll(":scope > h3")];
    if (headings.length === 0) return;
    const list = document.createElement("div");
    list.className = "tab-list";
    list.setAttribute("role", "tablist");
    const above = titleOf(root);
    if (above) list.setAttribute("aria-label", above.textContent.trim());

    const tabs = headings.map((heading) => {
      const name = heading.textContent.trim();
      // Without its link mdBook leaves it out of the sidebar, where the same six
      // names would stand once for each group.
      heading.textContent = name;
      const panel = document.createElement("div");
      panel.className = "tab-panel";
      panel.id = `panel-${heading.id}`;
      panel.setAttribute("role", "tabpanel");
      panel.setAttribute("aria-labelledby", `tab-${heading.id}`);
      panel.tabIndex = 0;
      heading.before(panel);
      let next = heading;
      while (next && (next === heading || next.tagName !== "H3")) {
        const following = next.nextSibling;
        panel.append(next);
        next = following;
      }

      const button = document.createElement("button");
      button.type = "button";
      button.id = `tab-${heading.id}`;
      button.textContent = name;
      button.setAttribute("role", "tab");
      button.setAttribute("aria-controls", panel.id);
      button.addEventListener("click", () => choose(name, button));
      list.append(button);
      return { name, heading, button, panel };
    });

    list.addEventListener("keydown", (event) => {
      if (event.altKey || event.ctrlKey || event.metaKey || event.shiftKey) {
        return;
      }
      const now = tabs.findIndex(({ button }) => button === event.target);
      const to = {
        ArrowLeft: now - 1,
        ArrowRight: now + 1,
        Home: 0,
        End: tabs.length - 1,
      }[event.key];
      if (now < 0 || to === undefined) return;
      event.preventDefault();
      // To mdBook the arrows are the next and the previous chapter.
      event.stopPropagation();
      const { name, button } = tabs.at(to % tabs.length);
      choose(name, button);
      button.focus({ preventScroll: true });
    });

    root.prepend(list);
    root.classList.add("is-ready");
    groups.push({ list, tabs });
  };

  // The nearest heading of the second level above.
  const titleOf = (root) => {
    let before = root.previousElementSibling;
    while (before && before.tagName !== "H2") {
      before = before.previousElementSibling;
    }
    return before;
  };

  const show = (name) => {
    for (const { list, tabs } of groups) {
      if (!tabs.some((tab) => tab.name === name)) continue;
      for (const tab of tabs) {
        const isChosen = tab.name === name;
        tab.button.setAttribute("aria-selected", String(isChosen));
        tab.button.tabIndex = isChosen ? 0 : -1;
        tab.panel.hidden = !isChosen;
        if (isChosen && list.scrollWidth > list.clientWidth) {
          list.scrollLeft = tab.button.offsetLeft - list.offsetLeft;
        }
      }
    }
  };

  // A choice of the reader's. The groups above change their height with it, and
  // what the reader has just touched stays where it is.
  const choose = (name, button) => {
    const before = button.getBoundingClientRect().top;
    show(name);
    const after = button.getBoundingClientRect().top;
    window.scrollBy({ top: after - before, behavior: "instant" });
    keep(name);
    const chosen = groups
      .flatMap(({ tabs }) => tabs)
      .find((tab) => tab.button === button);
    history.replaceState(null, "", `#${chosen.heading.id}`);
  };

  // The tab that the address names, if it names one.
  const follow = () => {
    const id = decodeURIComponent(location.hash.slice(1));
    for (const { list, tabs } of groups) {
      const named = tabs.find((tab) => tab.heading.id === id);
      if (!named) continue;
      show(named.name);
      list.scrollIntoView();
      return true;
    }
    return false;
  };

  for (const root of document.querySelectorAll(".tabs")) build(root);
  if (groups.length === 0) return;
  const names = groups.flatMap(({ tabs }) => tabs.map(({ name }) => name));
  const last = kept();
  show(names[0]);
  if (names.includes(last)) show(last);
  follow();
  window.addEventListener("hashchange", follow);
})();
