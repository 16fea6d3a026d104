// The WebSocket echo at /ws, with faye-websocket. --deflate agrees to
// permessage-deflate.
import { createServer } from "node:http";
import WebSocket from "faye-websocket";
import deflate from "permessage-deflate";

const [host, port] = (process.env.LISTEN ?? "127.0.0.1:8080").split(":");
const extensions = process.argv.includes("--deflate") ? [deflate] : [];

const server = createServer((request, response) => {
  response.writeHead(404).end("not found\n");
});
server.on("upgrade", (request, socket, head) => {
  const { pathname } = new URL(request.url, "http://localhost");
  if (pathname !== "/ws" || !WebSocket.isWebSocket(request)) {
    socket.end("HTTP/1.1 404 Not Found\r\nConnection: close\r\n\r\n");
    return;
  }
  const connection = new WebSocket(request, socket, head, [], { extensions });
  connection.on("message", (event) => connection.send(event.data));
});
server.listen(Number(port), host, () => {
  const { address, port } = server.address();
  console.log(`listening on ws://${address}:${port}/ws`);
});
