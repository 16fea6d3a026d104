"""The WebSocket echo at /ws, as an ASGI application on uvicorn and wsproto."""

import os
import socket

import uvicorn


async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        return
    kind = "http" if scope["type"] == "http" else "websocket.http"
    if scope["type"] == "http" or scope["path"] != "/ws":
        await send(
            {"type": f"{kind}.response.start", "status": 404, "headers": []}
        )
        await send({"type": f"{kind}.response.body", "body": b"not found\n"})
        return
    await receive()
    await send({"type": "websocket.accept"})
    while (event := await receive())["type"] == "websocket.receive":
        await send({**event, "type": "websocket.send"})


def main():
    host, port = os.environ.get("LISTEN", "127.0.0.1:8080").split(":")
    listener = socket.create_server((host, int(port)), backlog=2048)
    host, port = listener.getsockname()
    print(f"listening on ws://{host}:{port}/ws", flush=True)
    config = uvicorn.Config(app, ws="wsproto", log_level="critical")
    uvicorn.Server(config).run(sockets=[listener])


main()
