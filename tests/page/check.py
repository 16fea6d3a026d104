#!/usr/bin/env python3
"""Drives a built report in headless Chromium and says what is wrong with it.

Usage: check.py REPORT.html   (needs `websockets`; CHROMIUM names the browser)
Exit code 1 and a line on standard error at the first thing that is wrong.
"""

import contextlib
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time

from websockets.sync.client import connect

QUIET = (
    "--headless --no-sandbox --disable-gpu --no-first-run "
    "--disable-background-networking --disable-component-update "
    "--disable-sync --remote-debugging-port=0"
).split()


class Browser:
    """One page of a Chromium of its own, by the DevTools protocol."""

    def __enter__(self):
        self.profile = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        chromium = os.environ.get("CHROMIUM", "chromium")
        self.process = subprocess.Popen(
            [chromium, *QUIET, f"--user-data-dir={self.profile.name}"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        port, path = self._endpoint()
        self.closing = contextlib.ExitStack()
        self.socket = self.closing.enter_context(
            connect(f"ws://127.0.0.1:{port}{path}", max_size=None)
        )
        self.session, self.last_id, self.complaints = None, 0, []
        self.requests = []
        target = self.send("Target.createTarget", url="about:blank")
        attached = self.send(
            "Target.attachToTarget", targetId=target["targetId"], flatten=True
        )
        self.session = attached["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.send(f"{domain}.enable")
        return self

    def __exit__(self, *_):
        self.session = None
        self.send("Browser.close")
        self.closing.close()
        self.process.wait(timeout=10)
        self.profile.cleanup()

    def _endpoint(self):
        """Port and path, which Chromium writes into its profile."""
        file = pathlib.Path(self.profile.name, "DevToolsActivePort")
        for _ in range(200):
            lines = file.read_text().split() if file.exists() else []
            if len(lines) == 2:
                return lines
            time.sleep(0.1)
        raise SystemExit("Chromium does not start")

    def send(self, method, **params):
        self.last_id += 1
        message = {"id": self.last_id, "method": method, "params": params}
        if self.session:
            message["sessionId"] = self.session
        self.socket.send(json.dumps(message))
        while True:
            reply = json.loads(self.socket.recv(timeout=30))
            self._note(reply)
            if reply.get("id") == self.last_id:
                if "error" in reply:
                    raise RuntimeError(f"{method}: {reply['error']}")
                return reply["result"]

    def _note(self, event):
        method, params = event.get("method"), event.get("params", {})
        if method == "Runtime.exceptionThrown":
            details = params["exceptionDetails"]
            thrown = details.get("exception", {}).get("description")
            self.complaints.append(thrown or details["text"])
        elif method == "Runtime.consoleAPICalled":
            self.complaints.append(f"console: {params['args']}")
        elif method == "Log.entryAdded":
            self.complaints.append(params["entry"]["text"])
        elif method == "Network.requestWillBeSent":
            self.requests.append(params["request"]["url"])

    def js(self, expression):
        answer = self.send(
            "Runtime.evaluate",
            expression=expression,
            awaitPromise=True,
            returnByValue=True,
            userGesture=True,
        )
        if "exceptionDetails" in answer:
            raise RuntimeError(f"{expression}: {answer['exceptionDetails']}")
        return answer["result"].get("value")

    def open(self, url):
        """Loads a page afresh, even if but the fragment is another."""
        self.send("Page.navigate", url="about:blank")
        self.wait("location.href === 'about:blank'")
        self.send("Page.navigate", url=url)
        self.wait("location.protocol !== 'about:'")
        self.settle()

    def settle(self):
        self.wait("document.readyState === 'complete'")
        self.js(
            "new Promise(done => requestAnimationFrame("
            "() => requestAnimationFrame(() => done())))"
        )

    def wait(self, condition):
        for _ in range(200):
            if self.js(condition):
                return
            time.sleep(0.05)
        raise SystemExit(f"never: {condition}")

    def window(self, width, height):
        self.send(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=width < 600,
        )

    def scheme(self, name):
        feature = {"name": "prefers-color-scheme", "value": name}
        self.send("Emulation.setEmulatedMedia", features=[feature])

    def key(self, key):
        text = {"text": key} if len(key) == 1 else {}
        self.send("Input.dispatchKeyEvent", type="keyDown", key=key, **text)
        self.send("Input.dispatchKeyEvent", type="keyUp", key=key)

    def search(self, text):
        """By keyboard, with a focus that is elsewhere before."""
        self.js("document.activeElement.blur()")
        self.key("/")
        self.send("Input.insertText", text=text)
        self.settle()


def expect(is_so, what):
    if not is_so:
        sys.exit(f"check.py: {what}")


# What is shown, as expressions.
SHOWN = "[...document.querySelectorAll('tr.row')].filter(r => r.offsetHeight)"
COUNT = f"{SHOWN}.length"
DETAIL = "[...document.querySelectorAll('tr.detail')].find(r => r.offsetHeight)"
STATUS = "document.querySelector('[role=status]').textContent"
BACKGROUND = "getComputedStyle(document.body).backgroundColor"
WIDTH = "document.documentElement.scrollWidth"


def button(text):
    """The button that begins with a text."""
    return (
        "[...document.querySelectorAll('button')]"
        f".find(b => b.textContent.startsWith({json.dumps(text)}))"
    )


def check(browser, url):
    def quiet(when):
        expect(not browser.complaints, f"{when}: {browser.complaints[:1]}")

    browser.window(1440, 900)
    browser.scheme("light")
    browser.open(url)
    quiet("on load")
    data = json.loads(browser.js("document.getElementById('data').textContent"))
    cases, targets = data["cases"], data["targets"]
    results = [target["results"] for target in targets]
    names = ", ".join(target["name"] for target in targets)
    expect(browser.js("document.title") == f"wsspec: {names}", "wrong title")

    # The first view.
    look = {"fail", "broken", "non-strict", "stale", "blocked"}

    def outcomes(case):
        return {r[case["id"]]["outcome"] for r in results if case["id"] in r}

    needy = [case for case in cases if outcomes(case) & look] or cases
    expect(
        browser.js(COUNT) == len(needy),
        f"{browser.js(COUNT)} rows at first, {len(needy)} need a look",
    )

    # All, and a text that narrows them; "/" and Escape.
    browser.js(f"{button('All')}.click()")
    expect(browser.js(COUNT) == len(cases), "All does not show every case")
    term = cases[len(cases) // 2]["id"]
    browser.search(term)
    searching = "document.activeElement.type === 'search'"
    expect(browser.js(searching), "/ does not focus the search")
    fitting = browser.js(COUNT)
    expect(0 < fitting < len(cases), f"searching {term} leaves {fitting} rows")
    expect(
        f"text={term}" in browser.js("location.hash"),
        "the address does not keep the search",
    )
    browser.send("Page.reload")
    browser.settle()
    browser.wait(f"{COUNT} > 0")
    expect(browser.js(COUNT) == fitting, "a reload loses the search")
    browser.js("document.querySelector('input[type=search]').focus()")
    browser.key("Escape")
    expect(browser.js(COUNT) == len(cases), "Escape does not clear the search")

    # An outcome, a level.
    for outcome in outcomes(cases[0]):
        fitting = sum(outcome in outcomes(case) for case in cases)
        browser.open(url + "#outcome=all")
        browser.js(f".chip[data-outcome={outcome}]".join(
            ("document.querySelector('", "').click()")))
        expect(
            browser.js(COUNT) == fitting,
            f"{browser.js(COUNT)} rows for {outcome}, not {fitting}",
        )
    for level in sorted({case["level"] for case in cases}):
        browser.open(f"{url}#outcome=all&level={level}")
        fitting = sum(case["level"] == level for case in cases)
        expect(browser.js(COUNT) == fitting, f"wrong rows for {level}")

    # Nothing fits.
    browser.search("no case says this")
    expect(browser.js(COUNT) == 0, "rows fit a text that none has")
    expect(
        browser.js(f"{button('Reset')}.offsetHeight > 0"), "no button to reset"
    )
    browser.js(f"{button('Reset')}.click()")
    expect(browser.js(COUNT) == len(needy), "Reset is not the first view")

    # A clause, a section.
    clause = next(case["clauses"][0] for case in cases if case["clauses"])
    browser.js(f"{button('All')}.click()")
    for term in (clause, data["clauses"][clause]["section"].split()[-1]):
        browser.search(term)
        fitting = browser.js(COUNT)
        expect(0 < fitting < len(cases), f"{term} leaves {fitting} rows")
    browser.key("Escape")

    # Opening a row by keyboard.
    told = [
        (case, r[case["id"]])
        for case in cases
        for r in results
        if r.get(case["id"], {}).get("expected") and r[case["id"]].get("trace")
    ]
    traced = [
        (case, r[case["id"]])
        for case in cases
        for r in results
        if r.get(case["id"], {}).get("trace")
    ]
    case, result = (told or traced)[0]
    browser.open(url + "#outcome=all")
    # The row of a case is told by its section and its own words.
    index = cases.index(case)
    row = "document.querySelector('[aria-controls=\"case-%d\"]')" % index
    expect(not browser.js(DETAIL + " && 1"), "a detail is open at first")
    browser.js(f"{row}.focus()")
    browser.send(
        "Input.dispatchKeyEvent",
        type="keyDown",
        key="Enter",
        text="\r",
        windowsVirtualKeyCode=13,
    )
    browser.send("Input.dispatchKeyEvent", type="keyUp", key="Enter")
    browser.settle()
    expect(
        browser.js(f"{row}.getAttribute('aria-expanded')") == "true",
        "Enter does not open a row",
    )
    detail = browser.js(f"{DETAIL}.textContent")
    wanted = {
        "rule": case["rule"].replace("`", ""),
        "expectation": result.get("expected", ""),
        "got": result.get("got", ""),
        "note": result.get("note", ""),
        "trace": result["trace"][0],
        "command": f"wsspec replay URL {case['id']}",
    }
    for what, text in wanted.items():
        expect(text in detail, f"an open row does not show the {what}: {text}")
    browser.js(f"{row}.click()")
    expect(not browser.js(DETAIL + " && 1"), "a row does not close")

    # A deep link, to a case that the first view may not show.
    last = cases[-1]
    browser.open(f"{url}#case={last['id']}")
    expect(browser.js(f"Boolean({DETAIL})"), "a deep link opens nothing")
    expect(
        last["rule"].replace("`", "") in browser.js(f"{DETAIL}.textContent"),
        "a deep link opens another case",
    )
    top = browser.js(f"{DETAIL}.getBoundingClientRect().top")
    expect(0 < top < 900, f"a linked case is out of sight, at {top}")

    # The data stays text.
    foreign = "main img, main script, main iframe, a[href^=javascript]"
    expect(
        browser.js(f"document.querySelectorAll('{foreign}').length") == 0,
        "data became elements",
    )

    # Widths, with a case open.
    for width in (360, 500, 820, 1440, 1600):
        browser.window(width, 800)
        browser.open(f"{url}#outcome=all&case={case['id']}")
        # Not innerWidth: a phone's grows with what is too wide.
        over = browser.js(WIDTH) - width
        expect(over <= 0, f"{over} px too wide for {width} px")

    # Schemes: the sum of red, green and blue.
    def brightness():
        numbers = browser.js(BACKGROUND).strip("rgba()").split(",")
        return sum(int(number) for number in numbers[:3])

    expect(brightness() > 600, "the light scheme is not light")
    browser.scheme("dark")
    expect(brightness() < 150, "the dark scheme is not dark")

    quiet("in the end")
    away = [it for it in browser.requests if not it.startswith(
        ("file:", "data:", "about:"))]
    expect(not away, f"the page asks the network: {away[:1]}")


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    url = pathlib.Path(sys.argv[1]).resolve().as_uri()
    with Browser() as browser:
        check(browser, url)
    print(f"{sys.argv[1]}: fine")


if __name__ == "__main__":
    main()
