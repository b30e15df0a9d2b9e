"""Refuse requests to gradio that this app does not need."""

import json
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any
from urllib.parse import unquote

from inference.app.inbox import Inbox, named_paths

# The server would fetch an address for the visitor, or change its own code.
REFUSED = ("/proxy=", "/file=http", "/file=//", "/vibe-", "/undo-vibe", "/custom_component/")
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
            allowed = not is_refused(scope["path"])
            if allowed and scope["method"] == "POST" and not is_upload(scope):
                body = await read_body(receive)
                allowed = self.is_allowed(body)
                receive = replay(body, receive)
            if not allowed:
                start = {"type": "http.response.start", "status": 403, "headers": []}
                await send(start)
                await send({"type": "http.response.body", "body": b"refused"})
                return
        await self.app(scope, receive, send)

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


def is_refused(path: str) -> bool:
    """Return whether a path, also one that was quoted twice, is a refused route."""
    plain = unquote(unquote(path)).lower()
    return any(part in plain for part in REFUSED)


def is_upload(scope: Scope) -> bool:
    """Return whether a request goes to gradio's route for files, which counts their bytes."""
    return scope["path"].rstrip("/").endswith("/upload")


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
