"""The WebSocket echo at /ws, with websockets: a witness that others wrote.

--deflate agrees to permessage-deflate, --tls listens with TLS.
"""

import asyncio
import os
import ssl
import sys
from urllib.parse import urlsplit

from websockets.asyncio.server import serve
from websockets.exceptions import ConnectionClosed

CERTIFICATES = "../../certificates"


async def echo(connection):
    try:
        async for message in connection:
            await connection.send(message)
    except ConnectionClosed:
        pass


def only_ws(connection, request):
    if urlsplit(request.path).path != "/ws":
        return connection.respond(404, "not found\n")


def tls():
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(
        os.environ.get("CERTIFICATE", f"{CERTIFICATES}/localhost.pem"),
        os.environ.get("KEY", f"{CERTIFICATES}/localhost-key.pem"),
    )
    return context


async def main():
    host, port = os.environ.get("LISTEN", "127.0.0.1:8080").split(":")
    secure = "--tls" in sys.argv
    async with serve(
        echo,
        host,
        int(port),
        process_request=only_ws,
        compression="deflate" if "--deflate" in sys.argv else None,
        ssl=tls() if secure else None,
    ) as server:
        host, port = server.sockets[0].getsockname()
        scheme = "wss" if secure else "ws"
        print(f"listening on {scheme}://{host}:{port}/ws", flush=True)
        await server.serve_forever()


asyncio.run(main())
