"""The WebSocket echo at /ws, with aiohttp."""

import asyncio
import os

from aiohttp import WSMsgType, web


async def echo(request):
    socket = web.WebSocketResponse()
    await socket.prepare(request)
    async for message in socket:
        if message.type == WSMsgType.TEXT:
            await socket.send_str(message.data)
        elif message.type == WSMsgType.BINARY:
            await socket.send_bytes(message.data)
    return socket


async def main():
    host, port = os.environ.get("LISTEN", "127.0.0.1:8080").split(":")
    app = web.Application()
    app.router.add_get("/ws", echo)
    runner = web.AppRunner(app, handle_signals=True)
    await runner.setup()
    await web.TCPSite(runner, host, int(port)).start()
    host, port = runner.addresses[0]
    print(f"listening on ws://{host}:{port}/ws", flush=True)
    try:
        await asyncio.Event().wait()
    finally:
        await runner.cleanup()


try:
    asyncio.run(main())
except web.GracefulExit:
    pass
