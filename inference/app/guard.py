"""Refuse routes of gradio that this app does not need."""

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any
from urllib.parse import unquote

# The server would fetch an address for the visitor, or change its own code.
REFUSED = ("/proxy=", "/file=http", "/file=//", "/vibe-", "/undo-vibe", "/custom_component/")

Scope = MutableMapping[str, Any]
App = Callable[[Scope, Callable, Callable], Awaitable[None]]


class Guard:
    """ASGI layer that answers 403 for these routes."""

    def __init__(self, app: App) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Callable, send: Callable) -> None:
        """Refuse the request or hand it on."""
        if scope["type"] == "http" and is_refused(scope["path"]):
            start = {"type": "http.response.start", "status": 403, "headers": []}
            await send(start)
            await send({"type": "http.response.body", "body": b"refused"})
            return
        await self.app(scope, receive, send)


def is_refused(path: str) -> bool:
    """Return whether a path, also one that was quoted twice, is a refused route."""
    plain = unquote(unquote(path)).lower()
    return any(part in plain for part in REFUSED)
