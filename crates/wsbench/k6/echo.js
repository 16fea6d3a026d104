// The echo workload of wsbench for k6, which many machines can run together.
import { check } from "k6";
import { b64encode } from "k6/encoding";
import exec from "k6/execution";
import { Counter, Trend } from "k6/metrics";
import { WebSocket } from "k6/websockets";

const url = text("URL", "", /^wss?:\/\/[^\s#]+$/, "such as ws://HOST/PATH");
const size = number("SIZE", 16, 16 << 20);
const depth = number("DEPTH", 1, 1024);
const connections = number("CONNECTIONS", 64, 1_000_000);
const time = text("DURATION", "10s", /^[1-9]\d{0,4}[smh]$/, "such as 30s");
const origin = text("ORIGIN", "", /^[!-~]*$/, "ASCII without spaces");
const token = text("TOKEN", "", /^[!-~]*$/, "ASCII without spaces");

const duration = parseInt(time, 10) * { s: 1e3, m: 6e4, h: 36e5 }[time.at(-1)];
const patience = 10_000; // milliseconds in which something has to come
const headers = {};
if (origin) headers.Origin = origin;
if (token) headers.Authorization = `Bearer ${token}`;

export const options = {
  scenarios: {
    echo: {
      executor: "per-vu-iterations", // one each, which is one connection
      vus: connections,
      maxDuration: `${duration + 4 * patience}ms`,
      gracefulStop: "0s",
    },
  },
  // Where nothing was checked the first passes, and the second does not.
  thresholds: { checks: ["rate==1"], messages: ["count>0"] },
  summaryTrendStats: ["min", "med", "avg", "p(90)", "p(99)", "max"],
};

const answered = new Counter("messages");
const roundTrip = new Trend("round_trip", true);

export default function () {
  const { instance } = exec; // kept, as to ask exec is slow
  const connection = exec.vu.idInTest;
  const end = exec.scenario.startTime + duration;
  const messages = Array.from({ length: depth }, message);
  let [next, awaited, sent, progress] = [0, 0, 0, Date.now()];
  let [closing, ended] = [false, false];

  const socket = new WebSocket(url, null, { headers });
  socket.binaryType = "arraybuffer";
  socket.onopen = send;
  socket.onmessage = ({ data }) => {
    // Native code compares the octets: a loop takes far longer here.
    const right = b64encode(messages[depth - awaited].buffer);
    if (!(data instanceof ArrayBuffer) || b64encode(data) !== right) {
      return finish(`message ${next} did not come back as it was sent`);
    }
    progress = Date.now();
    next += 1;
    awaited -= 1;
    if (awaited > 0) return;
    roundTrip.add(instance.currentTestRunDuration - sent);
    if (progress < end) return send();
    closing = true;
    socket.close(1000);
  };
  socket.onerror = ({ error }) => closing || finish(error);
  // 1006 stands for an end without a Close.
  socket.onclose = ({ code = 1006 }) =>
    finish(closing && code !== 1006 ? "" : `it ended, with ${code}`);
  const timer = setInterval(() => {
    if (Date.now() - progress > patience) finish("nothing came for 10 s");
  }, 1000);

  // All that may be in flight; what was sent before has been answered.
  function send() {
    sent = instance.currentTestRunDuration;
    for (const view of messages) {
      if (size >= 16) {
        view.setUint32(0, connection << 8);
        view.setUint32(4, next + awaited);
      }
      awaited += 1;
      socket.send(view.buffer);
    }
  }

  function finish(wrong) {
    if (ended) return;
    ended = true;
    clearInterval(timer);
    answered.add(next);
    if (wrong) console.error(`connection ${connection}: ${wrong}`);
    check(wrong, { "every answer came and was right": () => !wrong });
    if (socket.readyState === 1) socket.close(1000);
  }
}

// The octets of wsbench; if there are sixteen, the first eight are numbers.
function message() {
  const octets = Uint8Array.from({ length: size }, (_, at) => at % 251);
  return new DataView(octets.buffer);
}

function text(name, otherwise, pattern, what) {
  const value = __ENV[name] || otherwise;
  if (pattern.test(value)) return value;
  throw new Error(`${name} must be ${what}`);
}

function number(name, otherwise, most) {
  const value = Number(__ENV[name] || otherwise);
  if (Number.isInteger(value) && value >= 1 && value <= most) return value;
  throw new Error(`${name} must be a number from 1 to ${most}`);
}
