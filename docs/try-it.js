// The page "Try it": one WebSocket from the reader's browser to a server on the
// reader's machine, and a log of all that a script can see of it. Nothing is
// connected before a button is pressed.
(() => {
  "use strict";

  const root = document.getElementById("try-page");
  // mdBook loads this file on every page.
  if (!root) return;

  const MOST_ENTRIES = 500;
  const MOST_CHARACTERS = 120;
  const MOST_OCTETS = 24;
  const BURST = 100;
  const STATES = ["connecting", "open", "closing", "closed"];

  const MEANINGS = {
    1000: "Normal: both sides are done.",
    1001: "Going away: a server that ends, or a page that is left.",
    1002: "Protocol error: a frame broke the rules of framing.",
    1003: "Unsupported data: the other side does not take this type of " +
      "message.",
    1004: "Reserved: nobody should send this.",
    1005: "The Close had no status code. 1005 is never sent; it is what the " +
      "browser calls that.",
    1007: "Invalid data: a text that is not UTF-8.",
    1008: "Policy violation: a rule of the server's own, such as an age, a " +
      "missed Pong, or a right that is not there.",
    1009: "Too big: a message or a frame is over the server's limit.",
    1010: "An extension is missing that the client insists on.",
    1011: "Internal error: the server failed at something of its own.",
    1012: "The service restarts; connect again, but not all at once.",
    1013: "Try again later: the server is overloaded.",
    1014: "A gateway got a bad answer from the server behind it.",
    1015: "TLS failed. 1015 is never sent.",
    3000: "Unauthorized, as it is registered: no credential that counts.",
    3003: "Forbidden, as it is registered: not for this client.",
    3008: "Timeout, as it is registered: something took too long.",
  };
  const FAILED = "The opening handshake failed: nobody listens there, or the " +
    "server refused, or what came was no answer to it. A browser tells a " +
    "page no more; see “What a refusal looks like from here”.";
  const CANCELLED = "Given up before it was open.";
  const DROPPED = "TCP ended without a Close: the process or the network is " +
    "gone. 1006 is never sent; it is what the browser calls that.";

  const $ = (name) => document.getElementById(`try-${name}`);
  let socket;
  let hasOpened = false;
  let isCancelled = false;
  let burst;

  // The log.

  function log(line, kind = "", more = "") {
    const list = $("log");
    // Whoever has scrolled up is reading.
    const isAtEnd =
      list.scrollTop + list.clientHeight > list.scrollHeight - 8;
    const entry = document.createElement("li");
    entry.className = kind;
    const now = new Date();
    const time = document.createElement("time");
    time.dateTime = now.toISOString();
    time.textContent = clock(now);
    entry.append(time, ` ${line}`);
    if (more) {
      const note = document.createElement("span");
      note.className = "note";
      note.textContent = more;
      entry.append(" ", note);
    }
    list.append(entry);
    while (list.childElementCount > MOST_ENTRIES) {
      list.firstElementChild.remove();
    }
    if (isAtEnd) list.scrollTop = list.scrollHeight;
  }

  function clock(date) {
    const pad = (number, width = 2) => String(number).padStart(width, "0");
    return `${pad(date.getHours())}:${pad(date.getMinutes())}:` +
      `${pad(date.getSeconds())}.${pad(date.getMilliseconds(), 3)}`;
  }

  function update() {
    const state = STATES[socket?.readyState ?? WebSocket.CLOSED];
    const focused = document.activeElement;
    $("state").textContent = state;
    $("connect").disabled = state !== "closed";
    $("disconnect").disabled = state !== "connecting" && state !== "open";
    for (const name of ["send-text", "send-binary", "burst", "close"]) {
      $(name).disabled = state !== "open";
    }
    // A button that is disabled loses the focus, and a keyboard its place.
    if (focused?.disabled && root.contains(focused)) $("state").focus();
  }

  // What the buttons do.

  function connect() {
    const url = $("url").value.trim();
    const offered = $("subprotocols").value.split(/[\s,]+/).filter(Boolean);
    const warning = mixed(url);
    if (warning) log(`NOTE: ${warning}`, "bad");
    let opening;
    try {
      opening = new WebSocket(url, offered);
    } catch (error) {
      // The browser's own words would show a token.
      const why = error.name === "SecurityError"
        ? "the browser does not allow it from this page"
        : "write ws:// or wss://, a host and a path, and as subprotocols " +
          "different tokens with commas in between";
      return log(`NOT CONNECTED: ${why}`, "bad");
    }
    socket = opening;
    hasOpened = isCancelled = false;
    socket.binaryType = "arraybuffer";
    socket.addEventListener("open", onOpen);
    socket.addEventListener("message", onMessage);
    socket.addEventListener("error", onError);
    socket.addEventListener("close", onClose);
    const shown = offered.map((it) => it.replace(/^(bearer\.).*/, "$1…"));
    log(`CONNECT ${cut(url)}` +
      (shown.length ? `, offering ${cut(shown.join(", "))}` : ""));
    update();
  }

  function disconnect() {
    if (socket?.readyState === WebSocket.CONNECTING) {
      isCancelled = true;
      log("GIVE UP");
    } else if (socket?.readyState === WebSocket.OPEN) {
      log("> CLOSE without a status code");
    }
    socket?.close();
    update();
  }

  function closeWithCode() {
    const code = Number($("code").value);
    const reason = $("reason").value;
    if (code !== 1000 && !(code >= 3000 && code <= 4999)) {
      return log("NOT CLOSED: a script may send 1000, and 3000 to 4999", "bad");
    }
    if (size(reason) > 123) {
      return log("NOT CLOSED: a reason has at most 123 octets", "bad");
    }
    if (socket?.readyState !== WebSocket.OPEN) return update();
    try {
      socket.close(code, reason);
    } catch (error) {
      return log(`NOT CLOSED: ${error.name}`, "bad");
    }
    log(`> CLOSE ${code}` + (reason && ` ${JSON.stringify(reason)}`));
    update();
  }

  function send(data) {
    // The server's Close may have come, and its event not yet.
    if (socket?.readyState !== WebSocket.OPEN) return update();
    socket.send(data);
    log(`> ${message(data.buffer ?? data)}`);
  }

  function sendBinary() {
    const words = $("octets").value.trim().split(/\s+/).filter(Boolean);
    const bad = words.find((it) => it.length % 2 || /[^0-9a-f]/i.test(it));
    if (bad !== undefined) {
      return log(`NOT SENT: ${JSON.stringify(cut(bad))} is not hex: write ` +
        "two digits for each octet, such as 00 ff 10", "bad");
    }
    const pairs = words.join("").match(/../g) ?? [];
    send(Uint8Array.from(pairs, (pair) => parseInt(pair, 16)));
  }

  function sendBurst() {
    if (socket?.readyState !== WebSocket.OPEN) return update();
    // Two hundred lines are nothing to be read aloud.
    $("log").setAttribute("aria-live", "off");
    burst = { next: 1, inOrder: true, start: performance.now() };
    for (let number = 1; number <= BURST; number++) {
      socket.send(`${number} of ${BURST}`);
    }
    log(`> TEXT ${BURST} times, "1 of ${BURST}" to "${BURST} of ${BURST}"`);
  }

  function countBurst(data) {
    const found = typeof data === "string" && data.match(/^(\d+) of (\d+)$/);
    if (!burst || !found || Number(found[2]) !== BURST) return;
    burst.inOrder &&= Number(found[1]) === burst.next;
    burst.next++;
    if (burst.next > BURST) endBurst();
  }

  function endBurst() {
    if (!burst) return;
    const { next, inOrder, start } = burst;
    burst = undefined;
    $("log").setAttribute("aria-live", "polite");
    const time = Math.round(performance.now() - start);
    log(`BURST: ${next - 1} of ${BURST} came back, ` +
      `${inOrder ? "in order" : "not in order"}, within ${time} ms, ` +
      "the writing of this log included");
  }

  // What the browser tells.

  function onOpen({ target }) {
    if (target !== socket) return;
    hasOpened = true;
    log(`OPEN, subprotocol: ${target.protocol || "none"}, ` +
      `extensions: ${target.extensions || "none"}`);
    update();
  }

  function onMessage({ target, data }) {
    if (target !== socket) return;
    log(`< ${message(data)}`);
    countBurst(data);
  }

  function onError({ target }) {
    if (target !== socket) return;
    log("ERROR: the event says no more than its name", "bad");
  }

  function onClose({ target, code, wasClean, reason }) {
    if (target !== socket) return;
    endBurst();
    log(`CLOSE ${code}, ${wasClean ? "clean" : "not clean"}, ` +
      (reason ? `reason ${JSON.stringify(reason)}` : "no reason"),
    wasClean ? "" : "bad", meaning(code));
    update();
  }

  function meaning(code) {
    if (code === 1006) {
      if (hasOpened) return DROPPED;
      return isCancelled ? CANCELLED : FAILED;
    }
    if (code in MEANINGS) return MEANINGS[code];
    if (code >= 3000 && code <= 3999) {
      return "A code for libraries and frameworks, to be registered with IANA.";
    }
    if (code >= 4000 && code <= 4999) {
      return "A private code: what it means, both sides have agreed on.";
    }
    return "No code that is assigned.";
  }

  // Words for things.

  function mixed(text) {
    if (location.protocol !== "https:" || !/^(ws|http):/i.test(text)) return "";
    let host;
    try {
      host = new URL(text).hostname;
    } catch {
      return "";
    }
    return /^(localhost|127(\.\d+){3}|\[::1\])$/.test(host)
      ? "this page came over https, and the connection has no TLS: most " +
        "browsers allow that to your own machine, some ask first, some refuse"
      : "this page came over https, so a browser refuses ws:// to another " +
        "machine: mixed content";
  }

  function message(data) {
    if (typeof data === "string") {
      return `TEXT ${count(size(data))} ${JSON.stringify(cut(data))}`;
    }
    const head = new Uint8Array(data).subarray(0, MOST_OCTETS);
    const hex = Array.from(head, (it) => it.toString(16).padStart(2, "0"));
    if (data.byteLength > MOST_OCTETS) hex.push("…");
    return ["BINARY", count(data.byteLength), ...hex].join(" ");
  }

  function count(octets) {
    return octets === 1 ? "1 octet" : `${octets} octets`;
  }

  function size(text) {
    return new TextEncoder().encode(text).length;
  }

  function cut(text) {
    if (text.length <= MOST_CHARACTERS) return text;
    // Not between the halves of a surrogate pair.
    const head = text.slice(0, MOST_CHARACTERS).replace(/[\ud800-\udbff]$/, "");
    return `${head}…`;
  }

  for (const [button, action, ...inputs] of [
    ["connect", connect, "url", "subprotocols"],
    ["disconnect", disconnect],
    ["send-text", () => send($("text").value), "text"],
    ["send-binary", sendBinary, "octets"],
    ["burst", sendBurst],
    ["close", closeWithCode, "code", "reason"],
    ["clear", () => $("log").replaceChildren()],
  ]) {
    $(button).addEventListener("click", action);
    for (const input of inputs) {
      $(input).addEventListener("keydown", ({ key, isComposing }) => {
        if (key === "Enter" && !isComposing) $(button).click();
      });
    }
  }
  // The book turns its pages with the arrow keys.
  root.addEventListener("keydown", (event) => event.stopPropagation());
  // A page from a file has an origin of its own that nobody can name.
  const isOpaque = !/^https?:$/.test(location.protocol);
  $("origin").textContent = isOpaque ? "null" : location.origin;
  update();
  root.hidden = false;
})();
