"""The WebSocket echo at /ws, with Tornado."""

import asyncio
import os

from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets
from tornado.web import Application
from tornado.websocket import WebSocketHandler


class Echo(WebSocketHandler):
    async def on_message(self, message):
        await self.write_message(message, binary=isinstance(message, bytes))


async def main():
    host, port = os.environ.get("LISTEN", "127.0.0.1:8080").split(":")
    sockets = bind_sockets(int(port), host)
    HTTPServer(Application([("/ws", Echo)])).add_sockets(sockets)
    host, port = sockets[0].getsockname()
    print(f"listening on ws://{host}:{port}/ws", flush=True)
    await asyncio.Event().wait()


asyncio.run(main())
