"""A server that dies, on purpose: not a library's, but ours.

It is the echo with websockets, and ends its process at one input: a text that
is a single NUL. One case sends that, 6455/8.1/text-is-echoed/smallest-00. The
suite has to say that this case ended the server, and to test the rest.
"""

import asyncio
import os
import sys
from urllib.parse import urlsplit

from websockets.asyncio.server import serve
from websockets.exceptions import ConnectionClosed


async def echo(connection):
    try:
        async for message in connection:
            if message == "\0":
                print("a text is a single NUL: the process ends", file=sys.stderr)
                os._exit(3)
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
