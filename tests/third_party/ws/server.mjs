// The WebSocket echo at /ws, with ws: a witness of the suite that others wrote.
// --deflate agrees to permessage-deflate, --tls listens with TLS.
import { readFileSync } from "node:fs";
import { createServer } from "node:https";
import { WebSocketServer } from "ws";

const [host, port] = (process.env.LISTEN ?? "127.0.0.1:8080").split(":");
const certificates = "../../certificates";
const tls = process.argv.includes("--tls");
const deflate = process.argv.includes("--deflate");

const options = { path: "/ws" };
if (deflate) {
  // By itself ws sends what is shorter than 1024 octets as it is.
  options.perMessageDeflate = { threshold: 0 };
}
let listening;
if (tls) {
  const read = (name, path) => readFileSync(process.env[name] ?? path);
  const cert = read("CERTIFICATE", `${certificates}/localhost.pem`);
  const key = read("KEY", `${certificates}/localhost-key.pem`);
  // Only the server that ws starts by itself answers an ordinary request.
  listening = createServer({ cert, key }, (request, response) => {
    const fields = { Connection: "Upgrade", Upgrade: "websocket" };
    response.writeHead(426, fields).end();
  });
  options.server = listening;
} else {
  options.host = host;
  options.port = Number(port);
}
const server = new WebSocketServer(options);
listening?.listen(Number(port), host);

server.on("listening", () => {
  const { address, port } = server.address();
  console.log(`listening on ${tls ? "wss" : "ws"}://${address}:${port}/ws`);
});
server.on("connection", (socket) => {
  // ws sends the Close that fits the error by itself.
  socket.on("error", () => {});
  socket.on("message", (data, isBinary) => {
    socket.send(data, { binary: isBinary });
  });
});
