"""The WebSocket echo at /ws, with websockets: a witness that others wrote."""

import asyncio
import os
from urllib.parse import urlsplit

from websockets.asyncio.server import serve
from websockets.exceptions import ConnectionClosed


async def echo(connection):
    try:
        async for message in connection:
            await connection.send(message)
    except ConnectionClosed:
        pass


def only_ws(connection, request):
    if urlsplit(request.path).path != "/ws":
        return connection.respond(404, "not found\n")


async def main():
    host, port = os.environ.get("LISTEN", "127.0.0.1:8080").split(":")
    async with serve(
        echo, host, int(port), process_request=only_ws, compression=None
    ) as server:
        host, port = server.sockets[0].getsockname()
        print(f"listening on ws://{host}:{port}/ws", flush=True)
        await server.serve_forever()


asyncio.run(main())
