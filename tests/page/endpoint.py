#!/usr/bin/env python3
"""Drives the page that a production variant serves at `/`, in headless
Chromium, and says what is wrong with it or with the server behind it.

Usage: endpoint.py PROGRAM...   (needs `websockets`; CHROMIUM names the browser)
Exit code 1 and a line on standard error at the first thing that is wrong.
"""

import json
import os
import re
import signal
import subprocess
import sys

from browser import Browser

TOKEN = "correct-horse-battery-staple"


class Server:
    """A production variant with its defaults, at a port of the system's."""

    def __init__(self, program):
        environment = {"LISTEN": "127.0.0.1:0", "TOKEN": TOKEN}
        self.process = subprocess.Popen(
            [program, "--log-level=error"],
            env={**os.environ, **environment},
            stdout=subprocess.PIPE,
            text=True,
        )
        line = self.process.stdout.readline()
        found = re.search(r"ws://(\S+)/ws", line)
        if not found:
            sys.exit(f"{program} is not ready: {line!r}")
        self.authority = found.group(1)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(timeout=10)


def check(browser, server):
    def click(name):
        browser.js(f"document.getElementById('{name}').click()")

    def fill(name, value):
        element = f"document.getElementById('{name}')"
        browser.js(f"{element}.value = {json.dumps(value)}")

    def logged(line):
        """Waits for a line of the log that begins so."""
        browser.wait(
            "[...document.querySelectorAll('#log li')].some("
            f"li => li.textContent.startsWith({json.dumps(line)}))"
        )

    for width in (320, 1440):
        for scheme in ("light", "dark"):
            browser.window(width, 900)
            browser.scheme(scheme)
            browser.open(f"http://{server.authority}/")
            wide = browser.js("document.documentElement.scrollWidth")
            if wide > width:
                sys.exit(f"endpoint.py: {wide} pixels of {width}")

    # What is wrong with a credential a browser's script can't see.
    fill("token", "a-wrong-token-of-some-length")
    click("connect")
    logged("REFUSED 401: a credential is needed")
    page = browser.js("document.body.innerText")
    if "a-wrong-token" in page:
        sys.exit("endpoint.py: the page shows the token")

    fill("token", TOKEN)
    click("connect")
    logged("OPEN echo.v1")
    fill("text", "κόσμε")
    click("send-text")
    logged('< TEXT "κόσμε"')
    fill("octets", "00 ff 10")
    click("send-binary")
    logged("< BINARY 3 octets 00 ff 10")
    fill("text", "x" * 70_000)
    click("send-text")
    logged("CLOSE 1009")
    browser.wait("document.getElementById('state').value === 'closed'")

    click("connect")
    browser.wait("document.getElementById('state').value === 'open'")
    fill("code", "3000")
    click("disconnect")
    logged("CLOSE 3000")

    click("connect")
    browser.wait("document.getElementById('state').value === 'open'")
    server.process.send_signal(signal.SIGTERM)
    logged('CLOSE 1001 "the server is shutting down"')
    status = server.process.wait(timeout=20)
    if status != 0:
        sys.exit(f"endpoint.py: its end is {status}")

    strangers = [
        url
        for url in browser.requests
        if server.authority not in url and url != "about:blank"
    ]
    # A refused handshake the browser itself complains of.
    thrown = [it for it in browser.complaints if "Error:" in it]
    thrown = [it for it in thrown if "handshake" not in it]
    if strangers or thrown:
        sys.exit(f"endpoint.py: {strangers} {thrown}")


def main():
    programs = sys.argv[1:]
    if not programs:
        sys.exit(__doc__.strip())
    for program in programs:
        with Browser() as browser, Server(program) as server:
            check(browser, server)
        print(f"{os.path.basename(program)}: the page works")


if __name__ == "__main__":
    main()
