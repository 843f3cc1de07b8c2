#!/usr/bin/env bash
# httpx-sse and openai's own decoder: lines that are no message come out as messages with empty data.
#
# Expected: by the SSE specification an event without a data line is not dispatched; "retry: 3000", "id: 7" or
#   "event: ping" followed by a blank line only set state. Browsers behave so, and so does sseclient-py.
# Happens: httpx-sse yields an event with data "" for each of them, as the decoder inside the openai package does. A
#   loop that parses event.data as JSON fails on the first keep-alive of a server that sends one in this form.
# Matters to: anyone who writes a client for model streams on httpx-sse.
# Versions: httpx-sse 0.4.3, httpx 0.28.1, sseclient-py 1.9.0, openai 3.57.0, Python 3.11. Seen on 2026-11-28: see below.
set -euo pipefail
unset PYTHONPATH
tmp="$(mktemp -d)"
trap 'rm -rf "$tmp"' EXIT
cd "$tmp"
python3 -m venv venv
venv/bin/pip install --quiet httpx-sse==0.4.3 httpx==0.28.1 sseclient-py==1.9.0 openai==3.57.0

cat >probe.py <<'PYTHON'
import httpx
from httpx_sse import connect_sse
from openai._streaming import SSEDecoder
from sseclient import SSEClient

BODY = b'retry: 3000\n\nid: 7\n\nevent: ping\n\ndata: {"n": 1}\n\n'


class Bytes:
    def __iter__(self):
        return iter([BODY])

    def close(self):
        pass


def answer(request):
    return httpx.Response(200, headers={"content-type": "text/event-stream"}, content=BODY)


with httpx.Client(transport=httpx.MockTransport(answer)) as client, connect_sse(client, "GET", "http://test/") as source:
    print("httpx-sse:", [(event.event, event.data) for event in source.iter_sse()])
print("openai:", [(event.event, event.data) for event in SSEDecoder().iter_bytes(iter([BODY]))])
print("sseclient-py:", [(event.event, event.data) for event in SSEClient(Bytes()).events()])
PYTHON
cat >expected <<'TEXT'
httpx-sse: [('message', ''), ('message', ''), ('ping', ''), ('message', '{"n": 1}')]
openai: [(None, ''), (None, ''), ('ping', ''), (None, '{"n": 1}')]
sseclient-py: [('message', '{"n": 1}')]
TEXT
venv/bin/python probe.py | tee seen
diff -u expected seen || {
    echo "An SSE parser dispatches other events now." >&2
    exit 1
}
