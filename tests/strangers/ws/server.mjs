// The WebSocket echo at /ws, with ws: a witness of the suite that others wrote.
import { WebSocketServer } from "ws";

const [host, port] = (process.env.LISTEN ?? "127.0.0.1:8080").split(":");
const server = new WebSocketServer({ host, port: Number(port), path: "/ws" });

server.on("listening", () => {
  const { address, port } = server.address();
  console.log(`listening on ws://${address}:${port}/ws`);
});
server.on("connection", (socket) => {
  // ws sends the Close that fits the error by itself.
  socket.on("error", () => {});
  socket.on("message", (data, isBinary) => {
    socket.send(data, { binary: isBinary });
  });
});
