"""A web server on this machine that fails in the usual ways, and a clock that does not wait."""

import contextlib
import http.server
import io
import socket
import struct
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from urllib.parse import urlsplit

import numpy as np
from PIL import Image

from datasets.download.client import Limits
from datasets.download.polite import Backoff, Clock
from datasets.download.workers import Settings

DATE = "Wed, 21 Oct 2026 07:28:00 GMT"
SEVEN_SECONDS_LATER = "Wed, 21 Oct 2026 07:28:07 GMT"
IMPATIENT = Limits(read_s=0.15)


def picture(seed: int = 0, *, size: int = 40, kind: str = "JPEG") -> bytes:
    pixels = np.random.default_rng(seed).integers(0, 255, (size, size, 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, kind)
    return buffer.getvalue()


class FakeClock(Clock):
    """Waiting only moves the time."""

    def __init__(self) -> None:
        self.time = 0.0
        self.waits: list[float] = []

    def now(self) -> float:
        return self.time

    def wait_until(self, changed: threading.Condition, when: float) -> None:
        if when == float("inf"):  # another thread notifies
            changed.wait(5)
            return
        self.waits.append(when - self.time)
        self.time = max(self.time, when)


def settings(**changes: object) -> Settings:
    # generous, because the machine may be busy; tests of a silent server choose IMPATIENT
    given = {
        "limits": Limits(connect_s=20, read_s=20, total_s=40, max_bytes=1_000_000),
        "backoff": Backoff(attempts=3, draw=lambda: 1.0),
        "clock": FakeClock(),
    }
    return Settings(**(given | changes))


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        site = self.server.site
        path = urlsplit(self.path).path
        host = self.headers["Host"]
        with site.lock:
            site.requests.append((self.path, dict(self.headers)))
            site.active[host] += 1
            site.most[host] = max(site.most[host], site.active[host])
        try:
            with contextlib.suppress(ConnectionError):
                site.routes.get(path, status(404))(self)
        finally:
            with site.lock:
                site.active[host] -= 1

    def answer(self, code: int, body: bytes = b"", **headers: str) -> None:
        self.send_response_only(code)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: object) -> None:
        """Say nothing."""


Route = Callable[[Handler], None]


class Site:
    """The server's routes, and a record of its requests."""

    def __init__(self, address: str) -> None:
        self.url = address
        self.routes: dict[str, Route] = {}
        self.requests: list[tuple[str, dict[str, str]]] = []
        self.active: Counter[str] = Counter()
        self.most: Counter[str] = Counter()
        self.lock = threading.Lock()
        self.end = threading.Event()

    def paths(self) -> list[str]:
        return [path for path, _ in self.requests]


@contextlib.contextmanager
def serve() -> Iterator[Site]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        site = Site(f"http://127.0.0.1:{server.server_address[1]}")
        server.site = site
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        yield site
        site.end.set()
        server.shutdown()
        thread.join()


# Answers ----------------------------------------------------------------------------------------


def status(code: int, body: bytes = b"", **headers: str) -> Route:
    return lambda request: request.answer(code, body, **headers)


def send(body: bytes, **headers: str) -> Route:
    """Answer with a body and its length."""
    return lambda request: request.answer(200, body, **{"Content_Length": str(len(body))} | headers)


def turns(*routes: Route) -> Route:
    """Answer with one route after the other; the last one stays."""
    left = list(routes)
    return lambda request: (left.pop(0) if len(left) > 1 else left[0])(request)


def cut(body: bytes, at: int, *, reset: bool = False, **headers: str) -> Route:
    """Promise the whole body, but end the connection after ``at`` bytes."""

    def route(request: Handler) -> None:
        request.answer(200, body[:at], Content_Length=str(len(body)), **headers)
        if reset:
            linger = struct.pack("ii", 1, 0)
            request.wfile.flush()
            request.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            request.connection.close()

    return route


def silent(body: bytes, at: int, **headers: str) -> Route:
    """Send ``at`` bytes and then nothing, without an end."""

    def route(request: Handler) -> None:
        request.answer(200, body[:at], Content_Length=str(len(body)), **headers)
        request.server.site.end.wait(5)

    return route


def drip(body: bytes) -> Route:
    """Send a byte every 20 ms, which no limit between two bytes finds."""

    def route(request: Handler) -> None:
        request.answer(200, b"", Content_Length=str(len(body)))
        for byte in body:
            request.wfile.write(bytes([byte]))
            if request.server.site.end.wait(0.02):
                return

    return route


def chunked(body: bytes, *, ends: bool = True) -> Route:
    def route(request: Handler) -> None:
        request.protocol_version = "HTTP/1.1"
        request.answer(200, Transfer_Encoding="chunked", Connection="close")
        for start in range(0, len(body), 500):
            piece = body[start : start + 500]
            request.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
        if ends:
            request.wfile.write(b"0\r\n\r\n")

    return route


def ranged(body: bytes, tag: str) -> Route:
    """Continue at the asked byte if the validator fits, else send all."""

    def route(request: Handler) -> None:
        asked = request.headers.get("Range")
        if asked is None or request.headers.get("If-Range") != tag:
            send(body, ETag=tag)(request)
            return
        start = int(asked.removeprefix("bytes=").removesuffix("-"))
        request.answer(
            206,
            body[start:],
            Content_Range=f"bytes {start}-{len(body) - 1}/{len(body)}",
            Content_Length=str(len(body) - start),
        )

    return route
