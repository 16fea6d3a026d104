// The WebSocket echo at /ws over HTTP/2 without TLS: Node's http2 carries the
// streams, and ws reads and writes the frames on them.
import { createServer } from "node:http2";
import { WebSocket } from "ws";

const [host, port] = (process.env.LISTEN ?? "127.0.0.1:8080").split(":");

const server = createServer({ settings: { enableConnectProtocol: true } });
server.on("stream", (stream, headers) => {
  stream.on("error", () => {});
  const { pathname } = new URL(headers[":path"] ?? "/", "http://localhost");
  if (headers[":protocol"] !== "websocket" || pathname !== "/ws") {
    stream.respond({ ":status": 404 }, { endStream: true });
    return;
  }
  if (headers["sec-websocket-version"] !== "13") {
    const fields = { ":status": 400, "sec-websocket-version": "13" };
    stream.respond(fields, { endStream: true });
    return;
  }
  stream.respond({ ":status": 200 });
  // ws has no server for HTTP/2. Its own tests hand a stream over like this;
  // the options are the defaults of its server.
  const options = { autoPong: true, closeTimeout: 30_000 };
  const socket = new WebSocket(null, undefined, options);
  stream.setNoDelay = () => {};
  socket.setSocket(stream, Buffer.alloc(0), {
    allowSynchronousEvents: true,
    maxPayload: 100 * 1024 * 1024,
    skipUTF8Validation: false,
  });
  socket.on("error", () => {});
  socket.on("message", (data, isBinary) => {
    socket.send(data, { binary: isBinary });
  });
});
server.listen(Number(port), host, () => {
  const { address, port } = server.address();
  console.log(`listening on ws://${address}:${port}/ws`);
});
