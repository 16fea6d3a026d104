#!/usr/bin/env python3
"""Drives a built report in headless Chromium and says what is wrong with it.

Usage: check.py REPORT.html   (needs `websockets`; CHROMIUM names the browser)
Exit code 1 and a line on standard error at the first thing that is wrong.
"""

import json
import pathlib
import sys

from browser import Browser


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
