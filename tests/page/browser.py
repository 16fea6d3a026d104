"""One page of a headless Chromium, by the DevTools protocol.

Needs `websockets`; CHROMIUM names the browser.
"""

import contextlib
import json
import os
import pathlib
import subprocess
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
