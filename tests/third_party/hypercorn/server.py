"""The WebSocket echo at /ws, as an ASGI application on hypercorn.

The same port speaks HTTP/1.1 and, with prior knowledge, HTTP/2.
"""

import asyncio
import os
import socket

from hypercorn.asyncio import serve
from hypercorn.config import Config


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
    listener = socket.create_server((host, int(port)))
    host, port = listener.getsockname()
    config = Config()
    config.bind = [f"fd://{listener.detach()}"]
    config.errorlog = None
    print(f"listening on ws://{host}:{port}/ws", flush=True)
    asyncio.run(serve(app, config))


main()
