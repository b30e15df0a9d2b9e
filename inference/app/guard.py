"""Refuse requests to gradio that this app does not need."""

import json
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from inference.app.inbox import Inbox, named_paths

# What the page asks for. All other routes of gradio are refused: they fetch addresses for the
# visitor, show the API or the statistics of the server, or change its code.
API = "/gradio_api/"
FILE = API + "file="
PAGES = ("/", "/config", "/theme.css", "/favicon.ico", "/manifest.json", "/robots.txt")
PARTS = ("/assets/", "/static/", "/svelte/", API + "heartbeat/")
READ = ("app_id", "queue/data", "startup-events", "theme.css", "upload_progress")
UPLOAD = API + "upload"
WRITTEN = ("queue/join", "run/predict", "cancel", "reset")
MOST_BYTES = 2**20  # of a request; uploads have a limit of their own

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
App = Callable[[Scope, Callable, Callable], Awaitable[None]]


class Guard:
    """ASGI layer that answers 403 where the address or the named files are not allowed.

    Args:
        app: that of gradio.
        inbox: a request may name the files in it, and no others.
    """

    def __init__(self, app: App, inbox: Inbox) -> None:
        self.app = app
        self.inbox = inbox

    async def __call__(self, scope: Scope, receive: Receive, send: Callable) -> None:
        """Refuse the request or hand it on."""
        if scope["type"] == "http":
            allowed = self.is_route(scope["method"], scope["path"])
            if allowed and scope["method"] == "POST" and scope["path"] != UPLOAD:
                body = await read_body(receive)
                allowed = self.is_allowed(body)
                receive = replay(body, receive)
            if not allowed:
                start = {"type": "http.response.start", "status": 403, "headers": []}
                await send(start)
                await send({"type": "http.response.body", "body": b"refused"})
                return
        await self.app(scope, receive, send)

    def is_route(self, method: str, path: str) -> bool:
        """Return whether the page needs a route; a file must be one of the inbox."""
        if method == "POST":
            return path == UPLOAD or path in [API + name for name in WRITTEN]
        if method not in ("GET", "HEAD"):
            return False
        if path.startswith(FILE):
            return self.inbox.has(path[len(FILE) :])
        return path in PAGES or path.startswith(PARTS) or path in [API + name for name in READ]

    def is_allowed(self, body: bytes) -> bool:
        """Return whether a request is JSON of a fair size that names uploads only.

        Gradio would fetch an address that is named in place of a file.
        """
        if len(body) > MOST_BYTES:
            return False
        try:
            paths = list(named_paths(json.loads(body or b"null")))
        except (ValueError, RecursionError):
            return False
        return all(path is None or self.inbox.has(path) for path in paths)


async def read_body(receive: Receive) -> bytes:
    """Return the body of a request, or its beginning where it is too large."""
    body, more = b"", True
    while more and len(body) <= MOST_BYTES:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    return body


def replay(body: bytes, receive: Receive) -> Receive:
    """Return a ``receive`` that gives a body that was read already, then what follows."""
    messages = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive_again() -> MutableMapping[str, Any]:
        return messages.pop() if messages else await receive()

    return receive_again
