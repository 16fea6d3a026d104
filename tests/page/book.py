#!/usr/bin/env python3
"""Drives the built book in headless Chromium, and each of the servers from its
page "Try it", and says all that is wrong.

Usage: book.py FOLDER PROGRAM...   (needs `websockets`; CHROMIUM names the
browser). The programs are called echo-NAME, and NAME is a tab of the book.
Exit code 1 and a line on standard error for each thing that is wrong.
"""

import collections
import contextlib
import functools
import html.parser
import http.server
import json
import os
import pathlib
import re
import signal
import socket
import subprocess
import sys
import threading
import urllib.parse

from browser import Browser

# Of all of it, in seconds, and of what a page is waited for.
LIMIT, PATIENCE = 300, 10

# What mdBook makes besides the chapters.
NO_CHAPTERS = {"404.html", "print.html", "toc.html"}


class Wrong(Exception):
    """After this the rest of a part makes no sense."""


class Report:
    """Counts what is checked, and says what is wrong and where."""

    def __init__(self):
        self.checks, self.wrong, self.where = 0, 0, ()

    def check(self, is_so, what):
        self.checks += 1
        if not is_so:
            self.wrong += 1
            where = " ".join(str(it) for it in self.where)
            print(f"book.py: {where}: {what}", file=sys.stderr, flush=True)
        return is_so

    def must(self, is_so, what):
        if not self.check(is_so, what):
            raise Wrong

    @contextlib.contextmanager
    def part(self, *where):
        before, self.where = self.where, where
        try:
            yield
        except Wrong:
            pass
        except (RuntimeError, OSError, subprocess.SubprocessError) as error:
            self.check(False, f"{type(error).__name__} {error}"[-500:])
        finally:
            self.where = before


# The files.


class Handler(http.server.SimpleHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, *_):
        pass


class Host(http.server.ThreadingHTTPServer):
    """The folder at a loopback port. From a file every page has the origin
    `null`, and what a browser keeps for that is its own affair."""

    def handle_error(self, *_):
        # A browser that hangs up is no error, and of others it tells itself.
        pass


@contextlib.contextmanager
def hosted(folder):
    handler = functools.partial(Handler, directory=folder)
    with Host(("127.0.0.1", 0), handler) as host:
        threading.Thread(target=host.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{host.server_port}"
        finally:
            host.shutdown()


class Document(html.parser.HTMLParser):
    """What a page links to, what can be linked to, and its images."""

    def __init__(self, file):
        super().__init__()
        self.ids, self.links = collections.Counter(), []
        self.images = []
        self.feed(file.read_text(encoding="utf-8"))
        self.close()

    def handle_starttag(self, tag, attributes):
        given = dict(attributes)
        if given.get("id"):
            self.ids[given["id"]] += 1
        if tag == "img":
            self.images.append((given.get("src"), given.get("alt")))
        for name in ("href", "src", "xlink:href"):
            if given.get(name) is not None:
                self.links.append(given[name])


def check_files(report, folder, pages):
    document = functools.cache(Document)
    # The sidebar comes from toc.html.
    for name in [*pages, "toc.html"]:
        file, report.where = folder / name, (name,)
        for source, alt in document(file).images:
            report.check((alt or "").strip(), f"{source} has no alt text")
        for link in sorted(set(document(file).links)):
            parts = urllib.parse.urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            path = urllib.parse.unquote(parts.path)
            target = (file.parent / path).resolve() if path else file
            if target.is_dir():
                target /= "index.html"
            is_inside = target.is_relative_to(folder)
            if not report.check(
                is_inside and target.is_file(), f"{link} leads nowhere"
            ):
                continue
            fragment = urllib.parse.unquote(parts.fragment)
            if not fragment or target.suffix != ".html":
                continue
            found = document(target).ids[fragment]
            report.check(found == 1, f"{link}: {found} elements have this id")
    report.where = ()


# The browser.


class Reader(Browser):
    """Waits for events, and also notes what did not load."""

    def __enter__(self):
        self.loaded, self.origins, self.failures = set(), {}, []
        self.sockets = []
        super().__enter__()
        self.send("Page.setLifecycleEventsEnabled", enabled=True)
        return self

    def _note(self, event):
        super()._note(event)
        method, params = event.get("method"), event.get("params", {})
        if method == "Page.lifecycleEvent" and params["name"] == "load":
            self.loaded.add(params["loaderId"])
        elif method == "Network.requestWillBeSent":
            self.origins[params["requestId"]] = params["request"]["url"]
        elif method == "Network.responseReceived":
            response = params["response"]
            if response["status"] >= 400:
                self.failures.append(f"{response['status']} {response['url']}")
        elif method == "Network.loadingFailed":
            # What a page that is left no longer wants is cancelled.
            if not params.get("canceled"):
                url = self.origins.get(params["requestId"])
                self.failures.append(f"{params['errorText']} {url}")
        elif method == "Network.webSocketCreated":
            self.sockets.append(params["url"])

    def load(self, url):
        """Until its event `load`. Within a page a fragment loads nothing."""
        answer = self.send("Page.navigate", url=url)
        if answer.get("errorText"):
            raise RuntimeError(f"{url}: {answer['errorText']}")
        loader = answer.get("loaderId")
        while loader and loader not in self.loaded:
            self._note(json.loads(self.socket.recv(timeout=30)))

    def afresh(self, url):
        self.load("about:blank")
        self.load(url)

    def until(self, condition):
        """Whether it comes true, asked again whenever the document changes."""
        return self.js(
            """new Promise((done) => {
              const end = (answer) => {
                observer.disconnect();
                clearTimeout(timer);
                done(answer);
              };
              const ask = () => { if (%s) end(true); };
              const observer = new MutationObserver(ask);
              observer.observe(document, {
                attributes: true, characterData: true, childList: true,
                subtree: true,
              });
              const timer = setTimeout(() => end(false), %d);
              ask();
            })"""
            % (condition, PATIENCE * 1000)
        )

    def resize(self, width):
        self.window(width, 900)
        # Not innerWidth: a phone's grows with what is too wide.
        is_so = self.js(
            """new Promise((done) => {
              const query = matchMedia("(width: %dpx)");
              query.onchange = () => { if (query.matches) done(true); };
              if (query.matches) done(true);
              setTimeout(() => done(query.matches), %d);
            })"""
            % (width, PATIENCE * 1000)
        )
        if not is_so:
            raise RuntimeError(f"the window is not {width} wide")


# What is too wide. mdBook hides that from the document: <body> and the
# container in it cut it off, and #mdbook-content is a box that scrolls. So
# elements are asked where they end.
WIDE = """(() => {
  const width = %d;
  const boxes = "pre, .table-wrapper, .tab-list";
  const own = `${boxes}, .menu-title, svg, #try-log`;
  const name = (it) => it.localName + (it.id && `#${it.id}`) +
    [...it.classList].map((its) => `.${its}`).join("");
  const root = document.documentElement;
  const over = root.scrollWidth - Math.min(width, root.clientWidth);
  const content = document.getElementById("mdbook-content");
  const inner = content.getBoundingClientRect();
  const outside = [];
  for (const it of document.querySelectorAll(".page *")) {
    if (it.parentElement.closest(own)) continue;
    const { left, right, width: its, height } = it.getBoundingClientRect();
    if (its <= 1 || height <= 1) continue;
    const isIn = it !== content && content.contains(it);
    const first = isIn ? inner.left : 0;
    const last = isIn ? inner.left + content.clientWidth
      : Math.min(width, root.clientWidth);
    if (left < first - 1 || right > last + 1) {
      outside.push(`${name(it)} from ${Math.round(left)} to ` +
        `${Math.round(right)} of ${Math.round(first)} to ${Math.round(last)}`);
    }
  }
  const cut = [];
  for (const it of [content, ...content.querySelectorAll("*")]) {
    if (!(it instanceof HTMLElement) || it.localName === "input") continue;
    if (it.clientWidth <= 1 || it.scrollWidth - it.clientWidth <= 1) continue;
    const { overflowX } = getComputedStyle(it);
    const mayScroll = it.matches(`${boxes}, pre > code`);
    if (overflowX === "visible") continue;
    if (mayScroll && /auto|scroll/.test(overflowX)) continue;
    cut.push(`${name(it)} by ${it.scrollWidth - it.clientWidth}`);
  }
  return { over, outside, cut, theme: root.className };
})()"""

# What is not there when all should be, with words for it. An image that is not
# yet in sight loads at once when it is no longer lazy.
PICTURES = """(async () => {
  const wait = (promise) => Promise.race([promise, new Promise((_, fail) =>
    setTimeout(() => fail(new Error("too long")), %d))]);
  const wrong = [];
  await wait(document.fonts.ready).catch(() => wrong.push("fonts"));
  await Promise.all([...document.images].map(async (it) => {
    it.loading = "eager";
    await wait(it.decode()).catch(() => wrong.push(it.src));
  }));
  for (const it of document.querySelectorAll("main figure svg")) {
    const named = (it.getAttribute("aria-labelledby") ?? "").split(" ")
      .some((id) => document.getElementById(id)?.textContent.trim());
    const isNamed = named || it.getAttribute("aria-label");
    if (it.getAttribute("role") !== "img" || !isNamed) {
      wrong.push("a figure without a name");
    }
  }
  return wrong;
})()""" % (PATIENCE * 1000)

# A plot comes in two colourings.
PLOTS = """[...document.querySelectorAll("main .plot")].filter((it) =>
  [...it.querySelectorAll("img")].filter((one) =>
    getComputedStyle(one).display !== "none").length !== 1
).length"""


def few(things):
    """On one line."""
    more = f"; {len(things)} in all" if things[3:] else ""
    return "; ".join(" ".join(it.split())[:300] for it in things[:3]) + more


def quiet(report, browser, base, may_fail=False):
    """Nothing thrown, written to the console, not loaded, or asked elsewhere.
    Where a WebSocket may fail, the browser itself writes that."""
    thrown = [
        it
        for it in browser.complaints
        if not (may_fail and "WebSocket connection to" in it)
    ]
    report.check(not thrown, f"complaints: {few(thrown)}")
    failures = browser.failures
    report.check(not failures, f"not loaded: {few(failures)}")
    own = (f"{base}/", "data:", "about:")
    away = [it for it in browser.requests if not it.startswith(own)]
    report.check(not away, f"asks others: {few(away)}")
    for noted in (browser.complaints, browser.failures, browser.requests):
        noted.clear()


def look(report, browser, base, width, theme):
    seen = browser.js(WIDE % width)
    report.check(theme in seen["theme"].split(), f"is {seen['theme']}")
    report.check(seen["over"] <= 0, f"{seen['over']} px too wide")
    for what, names in (
        ("outside", seen["outside"]),
        ("cut off, or the page scrolls for it", seen["cut"]),
    ):
        report.check(not names, f"{what}: {few(names)}")
    plots = browser.js(PLOTS)
    report.check(plots == 0, f"{plots} plots show none or two of their images")
    quiet(report, browser, base)


def choose_theme(browser, theme):
    browser.js(f"document.getElementById('mdbook-theme-{theme}').click()")


def check_page(report, browser, base, page):
    """Two loads: mdBook asks but once whether there is room for its sidebar.
    The second one shows that the theme is kept."""
    url = f"{base}/{page}"
    with report.part(page, "load"):
        browser.window(390, 900)
        browser.load(url)
        wrong = browser.js(PICTURES)
        report.check(not wrong, f"not shown: {few(wrong)}")
        report.check(not browser.sockets, f"connects: {browser.sockets}")
        choose_theme(browser, "light")
    browser.sockets.clear()
    for width, theme in (
        (390, "light"),
        (768, "light"),
        (768, "navy"),
        (390, "navy"),
        (1280, "navy"),
        (1280, "light"),
    ):
        with report.part(page, width, theme):
            if (width, theme) == (1280, "navy"):
                browser.window(width, 900)
                browser.load(url)
            else:
                choose_theme(browser, theme)
            browser.resize(width)
            look(report, browser, base, width, theme)


# The tabs.

TABS = """[...document.querySelectorAll(".tabs")].map((group) => {
  const lists = group.querySelectorAll(":scope > [role=tablist]");
  const tabs = [...group.querySelectorAll("[role=tablist] > [role=tab]")];
  return {
    lists: lists.length,
    label: lists[0]?.getAttribute("aria-label") ?? "",
    headings: [...group.querySelectorAll("h3")].map((it) => it.id),
    panels: group.querySelectorAll(":scope > [role=tabpanel]").length,
    tabs: tabs.map((tab) => {
      const panel = document.getElementById(tab.getAttribute("aria-controls"));
      return {
        name: tab.textContent,
        isButton: tab.localName === "button",
        selected: tab.getAttribute("aria-selected"),
        inOrder: tab.tabIndex === 0,
        isSound: panel?.getAttribute("role") === "tabpanel" &&
          panel.getAttribute("aria-labelledby") === tab.id &&
          panel.parentElement === group,
        isShown: panel?.offsetHeight > 0,
      };
    }),
  };
})"""


def check_tabs(report, browser, base, servers):
    url = f"{base}/side-by-side.html"

    def chosen(name, when):
        """One tab of each group, with its panel and no other."""
        for group in browser.js(TABS):
            label, tabs = group["label"], group["tabs"]
            for what, is_so in (
                ("chosen", lambda tab: tab["selected"] == "true"),
                ("reached by Tab", lambda tab: tab["inOrder"]),
                ("shown", lambda tab: tab["isShown"]),
            ):
                found = [tab["name"] for tab in tabs if is_so(tab)]
                report.must(
                    found == [name],
                    f"{when}: {label}: {what}: {found}, not {name}",
                )

    with report.part("side-by-side.html", 1280, "light", "tabs"):
        browser.window(1280, 900)
        browser.load(url)
        browser.js("localStorage.clear()")
        browser.afresh(url)
        groups = browser.js(TABS)
        report.must(groups, "no tabs")
        names = [tab["name"] for tab in groups[0]["tabs"]]
        missing = sorted(set(servers) - set(names))
        report.must(not missing, f"no tab for {missing}")
        for group in groups:
            label, tabs = group["label"], group["tabs"]
            report.must(label, "a list of tabs has no label")
            report.must(group["lists"] == 1, f"{label}: not one list")
            report.must(
                [tab["name"] for tab in tabs] == names,
                f"{label}: others than the first group has",
            )
            report.must(
                group["panels"] == len(tabs) == len(group["headings"]),
                f"{label}: not a panel and a heading for each tab",
            )
            for tab in tabs:
                report.must(
                    tab["isSound"] and tab["isButton"]
                    and tab["selected"] in ("true", "false"),
                    f"{label}: wrong roles at {tab['name']}",
                )
        chosen(names[0], "at first")

        # The keys, in the first group.
        browser.js("document.querySelector('[role=tab]').focus()")
        last = len(names) - 1
        for key, to in (
            ("ArrowRight", 1),
            ("ArrowRight", 2),
            ("ArrowLeft", 1),
            ("End", last),
            ("ArrowRight", 0),
            ("ArrowLeft", last),
            ("Home", 0),
            ("ArrowRight", 1),
        ):
            browser.key(key)
            chosen(names[to], key)
            focus = browser.js("document.activeElement.textContent")
            report.must(focus == names[to], f"{key} focuses {focus!r}")
            hash_ = browser.js("location.hash.slice(1)")
            wanted = groups[0]["headings"][to]
            report.must(hash_ == wanted, f"{key}: address says {hash_!r}")

        # A choice in a later group stays where it is, though what is above it
        # changes its height.
        group = len(groups) // 2
        tabs = "document.querySelectorAll('[role=tablist]')[%d]" % group
        top = f"{tabs}.getBoundingClientRect().top"
        browser.js(f"{tabs}.scrollIntoView()")
        before = browser.js(top)
        browser.js(f"{tabs}.children[{last - 1}].click()")
        moved = browser.js(top) - before
        report.must(abs(moved) <= 2, f"chosen tabs move by {moved}")
        chosen(names[last - 1], "a click")

        # Kept; but an address is stronger, on load and later.
        browser.afresh(url)
        chosen(names[last - 1], "after a load")
        to = groups[group]["headings"][1]
        browser.afresh(f"{url}#{to}")
        chosen(names[1], f"#{to}")
        browser.settle()
        at = browser.js(top)
        report.must(0 <= at < 900, f"#{to}: tabs out of sight, at {at}")
        to = groups[0]["headings"][last]
        browser.js(
            "new Promise((done) => { onhashchange = () => done();"
            f" setTimeout(done, {PATIENCE * 1000});"
            f" location.hash = {json.dumps(to)}; }})"
        )
        chosen(names[last], f"#{to} later")
        path = browser.js("location.pathname")
        report.must(path == "/side-by-side.html", f"a key leads to {path}")

    # Each of the panels on a phone; what is hidden has no width.
    browser.window(390, 900)
    with report.part("side-by-side.html", 390, "light", "tabs"):
        browser.afresh(url)
        browser.resize(390)
    for name in servers:
        with report.part("side-by-side.html", 390, "light", name):
            browser.js(
                "[...document.querySelectorAll('[role=tab]')]"
                f".find((it) => it.textContent === {json.dumps(name)}).click()"
            )
            chosen(name, "a click")
            look(report, browser, base, 390, "light")


# Without a script.

BARE = """(() => {
  const isShown = (it) => it?.offsetHeight > 0;
  return {
    tabs: document.querySelectorAll("[role=tab]").length,
    groups: [...document.querySelectorAll(".tabs")].map((group) =>
      [...group.querySelectorAll(":scope > h3")].filter((it) => {
        const next = it.nextElementSibling;
        return isShown(it) && next?.localName === "pre" && isShown(next) &&
          next.textContent.trim();
      }).map((it) => it.textContent.trim())),
  };
})()"""


def check_without_script(report, browser, base, servers):
    def js(expression):
        """Unlike the browser's waits for no promise: none may come true."""
        answer = browser.send(
            "Runtime.evaluate", expression=expression, returnByValue=True
        )
        if "exceptionDetails" in answer:
            raise RuntimeError(answer["exceptionDetails"])
        return answer["result"].get("value")

    browser.send("Emulation.setScriptExecutionDisabled", value=True)
    for width in (1280, 390):
        browser.window(width, 900)
        with report.part("side-by-side.html", width, "without a script"):
            browser.afresh(f"{base}/side-by-side.html")
            seen = js(BARE)
            report.check(seen["tabs"] == 0, "tabs that do nothing")
            report.check(seen["groups"], "nothing to compare")
            for names in seen["groups"]:
                missing = sorted(set(servers) - set(names))
                report.check(not missing, f"not shown: {missing}")
            quiet(report, browser, base)
    with report.part("try-it.html", 390, "without a script"):
        browser.afresh(f"{base}/try-it.html")
        height = js("document.getElementById('try-page').offsetHeight")
        report.check(height == 0, "fields that do nothing")
        page = js("document.querySelector('main').innerText")
        report.check("need JavaScript" in page, "does not say why it is empty")
        quiet(report, browser, base)
    browser.send("Emulation.setScriptExecutionDisabled", value=False)


# The page "Try it".


class Server:
    """A listing, at a port of the system's."""

    def __init__(self, program):
        self.process = subprocess.Popen(
            [os.path.abspath(program)],
            env={**os.environ, "LISTEN": "127.0.0.1:0"},
            stdout=subprocess.PIPE,
            text=True,
        )

    def __enter__(self):
        line = self.process.stdout.readline()
        found = re.search(r"ws://\S+", line)
        if not found:
            self.__exit__()
            raise RuntimeError(f"not ready: {line!r}")
        self.url = found.group()
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(timeout=PATIENCE)
        self.process.stdout.close()


LINES = r"""[...document.querySelectorAll("#try-log li")]
  .map((it) => it.textContent.replace(/^\S+ /, ""))"""


def try_server(report, browser, base, name, server):
    def fill(**values):
        for field, value in values.items():
            element = f"document.getElementById('try-{field}')"
            browser.js(f"{element}.value = {json.dumps(value)}")

    def logged(what, begin, note=""):
        """Waits for a line that begins so, and has a note with that."""
        is_so = browser.until(
            f"{LINES}.some((it) => it.startsWith({json.dumps(begin)}) &&"
            f" it.includes({json.dumps(note)}))"
        )
        if not is_so:
            end = browser.js(f"{LINES}.slice(-3)")
            report.must(False, f"{what}: no {begin!r} {note!r}, but {end}")
        report.must(True, what)

    def click(button, *line):
        browser.js("document.getElementById('try-clear').click()")
        element = f"document.getElementById('try-{button}')"
        report.must(
            browser.until(f"!{element}.disabled"), f"{button} can't be pressed"
        )
        browser.js(f"{element}.click()")
        logged(button, *line)

    def state(wanted):
        is_so = browser.until(
            "document.getElementById('try-state').textContent"
            f" === {json.dumps(wanted)}"
        )
        report.must(is_so, f"is not {wanted}")

    with report.part("try-it.html", 1280, "light", name):
        browser.window(1280, 900)
        browser.load(f"{base}/try-it.html")
        report.must(
            browser.js("document.getElementById('try-page').offsetHeight > 0"),
            "is not shown",
        )
        origin = browser.js("document.getElementById('try-origin').textContent")
        report.must(origin == base, f"its origin is {origin}, not {base}")
        state("closed")

        # What the page itself refuses.
        for url in ("ws://", "ftp://127.0.0.1/ws"):
            fill(url=url)
            click("connect", "NOT CONNECTED: write ws://")
        report.must(not browser.sockets, f"connects: {browser.sockets}")
        state("closed")

        # A port where nobody listens, and nobody can while it is bound.
        with socket.socket() as nobody:
            nobody.bind(("127.0.0.1", 0))
            fill(url=f"ws://127.0.0.1:{nobody.getsockname()[1]}/ws")
            click("connect", "CLOSE 1006, not clean", "handshake failed")
            logged("connect", "ERROR")
        state("closed")

        # A path that is not there, and a token that must not be shown.
        fill(url=server.url + "-not", subprotocols="bearer.not-to-be-shown")
        click("connect", "CLOSE 1006, not clean", "handshake failed")
        shown = browser.js("document.body.innerText")
        report.must("not-to-be-shown" not in shown, "shows a token")
        state("closed")

        fill(url=server.url, subprotocols="")
        click("connect", "OPEN, subprotocol: none")
        state("open")
        text = "κόσμε"
        fill(text=text)
        size = len(text.encode())
        click("send-text", f'< TEXT {size} octets "{text}"')
        fill(text="by Enter")
        browser.js("document.getElementById('try-text').focus()")
        browser.key("Enter")
        logged("Enter", '< TEXT 8 octets "by Enter"')
        fill(octets="00 ff 10")
        click("send-binary", "< BINARY 3 octets 00 ff 10")
        fill(octets="0g")
        click("send-binary", 'NOT SENT: "0g" is not hex')
        click("burst", "BURST: 100 of 100 came back, in order")

        for code in ("1001", "2999", "5000", "a word"):
            fill(code=code, reason="done")
            click("close", "NOT CLOSED: a script may send 1000")
        fill(code="4000", reason="x" * 124)
        click("close", "NOT CLOSED: a reason has at most 123 octets")
        state("open")
        fill(code="4000", reason="done")
        click("close", "CLOSE 4000, clean", "A private code")
        logged("close", '> CLOSE 4000 "done"')
        state("closed")

        click("connect", "OPEN")
        click("disconnect", "CLOSE 1005, clean", "no status code")
        state("closed")

        # Its end.
        click("connect", "OPEN")
        browser.js("document.getElementById('try-clear').click()")
        server.process.kill()
        logged("its end", "CLOSE 1006, not clean", "without a Close")
        state("closed")
        path = browser.js("location.pathname")
        report.must(path == "/try-it.html", f"a key leads to {path}")
    with report.part("try-it.html", 1280, "light", name):
        quiet(report, browser, base, may_fail=True)
    browser.sockets.clear()


def main():
    if len(sys.argv) < 3:
        sys.exit(__doc__.strip())
    folder = pathlib.Path(sys.argv[1]).resolve()
    programs = {
        os.path.basename(it).removeprefix("echo-"): it for it in sys.argv[2:]
    }
    pages = sorted(
        it.relative_to(folder).as_posix()
        for it in folder.rglob("*.html")
        if it.name not in NO_CHAPTERS
    )
    if not pages:
        sys.exit(f"book.py: no pages in {folder}")

    def too_long(*_):
        sys.exit(f"book.py: not done after {LIMIT} s")

    signal.signal(signal.SIGALRM, too_long)
    signal.alarm(LIMIT)
    report = Report()
    check_files(report, folder, pages)
    with hosted(folder) as base, Reader() as browser:
        browser.scheme("light")
        for page in pages:
            check_page(report, browser, base, page)
        check_tabs(report, browser, base, list(programs))
        for name, program in programs.items():
            with report.part("try-it.html", name), Server(program) as server:
                try_server(report, browser, base, name, server)
        check_without_script(report, browser, base, list(programs))
    signal.alarm(0)
    print(f"{len(pages)} pages, {report.checks} checks")
    sys.exit(report.wrong > 0)


if __name__ == "__main__":
    main()
