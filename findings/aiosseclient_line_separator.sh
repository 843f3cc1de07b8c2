#!/usr/bin/env bash
# aiosseclient: JSON with a line separator (U+2028) in a string arrives cut off at that character.
#
# Expected: an SSE line ends at CR, LF or CRLF. U+2028 is an ordinary character there, and JSON may hold it unescaped
#   in strings; models write it when they quote web pages.
# Happens: the event is split with str.splitlines, which takes U+2028 (and some others) for line ends. The second half
#   has no field name and is dropped with a log line, so data is half of the JSON. The same library, though, hands out
#   events that have no data, such as a lone "retry:", as messages with an empty string.
# Matters to: asyncio clients that read model streams with this package.
# Versions: aiosseclient 0.1.8, aiohttp 3.14.5, Python 3.11 (server: aiohttp). Seen on 2026-11-28: see below.
set -euo pipefail
unset PYTHONPATH
tmp="$(mktemp -d)"
trap 'rm -rf "$tmp"' EXIT
cd "$tmp"
python3 -m venv venv
venv/bin/pip install --quiet aiosseclient==0.1.8 aiohttp==3.14.5

cat >probe.py <<'PYTHON'
import asyncio
import json
import logging

from aiohttp import web
from aiosseclient import aiosseclient

logging.disable(logging.WARNING)
SENT = json.dumps({"text": "one\u2028two"}, ensure_ascii=False)


async def answer(request):
    body = f"retry: 3000\n\ndata: {SENT}\n\ndata: [DONE]\n\n"
    return web.Response(body=body.encode(), headers={"content-type": "text/event-stream"})


async def main():
    application = web.Application()
    application.router.add_get("/", answer)
    runner = web.AppRunner(application)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = site._server.sockets[0].getsockname()[1]
    print("sent", ascii(SENT))
    async for event in aiosseclient(f"http://127.0.0.1:{port}/"):
        print("received", event.event, ascii(event.data))
    await runner.cleanup()


asyncio.run(main())
PYTHON
cat >expected <<'TEXT'
sent '{"text": "one\u2028two"}'
received message ''
received message '{"text": "one'
received message '[DONE]'
TEXT
venv/bin/python probe.py | tee seen
diff -u expected seen || {
    echo "aiosseclient splits lines in another way now." >&2
    exit 1
}
