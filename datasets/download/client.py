"""One polite HTTP request: continue a partial file, limit time and size, name every fault.

:meth:`Client.fetch` sends exactly one request. Redirects and repetitions are the caller's decision,
because both must respect the limit per host.
"""

import email.utils
import http.client
import re
import socket
import ssl
import time
import urllib.error
import urllib.request
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urljoin

from datasets.download.addresses import tidy
from datasets.download.parts import PartFile

CHUNK = 1 << 16
HEADERS = {
    "User-Agent": "intclip-dataset-download/1.0 (image data set for research; urllib)",
    # AVIF is left out: not every Pillow decodes it, and hosts choose the format by this line
    "Accept": "image/jpeg, image/png, image/webp, image/*;q=0.5, */*;q=0.1",
    "Accept-Encoding": "identity",
}
BUSY = (429, 503)
MAY_PASS = (408, 425, 500, 502, 504, 520, 521, 522, 523, 524)
REDIRECTS = (301, 302, 303, 307, 308)
CONTENT_RANGE = re.compile(r"bytes (\d+)-\d+/(\d+|\*)$")


@dataclass(frozen=True)
class Limits:
    """Limits of one request.

    Attributes:
        connect_s: seconds until the connection stands.
        read_s: seconds without a byte.
        total_s: seconds for the whole body, which a server can prolong without end otherwise.
        max_bytes: largest body, also after decompression.
    """

    connect_s: float = 15.0
    read_s: float = 30.0
    total_s: float = 600.0
    max_bytes: int = 64_000_000


class Fault(Exception):
    """A request failed; the text is the reason.

    Attributes:
        may_pass: a later attempt may succeed.
        is_busy: the host as a whole asks for fewer requests.
        wait_s: seconds that the server asks to wait, or None.
        no_answer: no connection could be made.
    """

    def __init__(
        self,
        reason: str,
        *,
        may_pass: bool = False,
        is_busy: bool = False,
        wait_s: float | None = None,
        no_answer: bool = False,
    ) -> None:
        super().__init__(reason)
        self.may_pass = may_pass
        self.is_busy = is_busy
        self.wait_s = wait_s
        self.no_answer = no_answer


class Stopped(Exception):
    """The user interrupts the run."""


class Client:
    """Fetch images into partial files.

    Args:
        limits: limits of every request.
        is_stopped: asked between two pieces of a body.
    """

    def __init__(self, limits: Limits, is_stopped: Callable[[], bool] = lambda: False) -> None:
        self.limits = limits
        self.is_stopped = is_stopped
        self.opener = urllib.request.OpenerDirector()
        for handler in (
            urllib.request.ProxyHandler(),
            _Http(limits),
            _Https(limits),
            urllib.request.UnknownHandler(),
        ):
            self.opener.add_handler(handler)

    def fetch(self, url: str, part: PartFile) -> str | None:
        """Send one request and write the body to ``part``.

        Returns:
            None when ``part`` holds the complete body, or the address of a redirect.

        Raises:
            Fault: the server or the network fails.
            Stopped: the user interrupts; ``part`` can be continued.
            OSError: ``part`` cannot be written.
        """
        offset, validator = part.resume_point(url)
        with self._open(url, offset, validator) as response:
            status = response.status
            if status in REDIRECTS:
                return _redirect(url, response)
            if status == 416 and offset:
                part.discard()
                raise Fault("the partial file does not fit the server's", may_pass=True)
            if status == 206 and offset:
                _check_range(response, offset, part)
            elif status != 200:
                raise _status_fault(response)
            else:
                offset = 0
            self._receive(response, url, part, offset)
            coding = response.headers.get("Content-Encoding", "identity").strip().lower()
        if coding not in ("", "identity"):
            _decompress(part, coding, self.limits.max_bytes)
        return None

    def _open(self, url: str, offset: int, validator: str) -> Any:
        """Return the response, of any status."""
        headers = dict(HEADERS)
        if offset:
            headers |= {"Range": f"bytes={offset}-", "If-Range": validator}
        request = urllib.request.Request(url, headers=headers)
        try:
            return self.opener.open(request, timeout=self.limits.connect_s)
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise _network_fault(error) from None

    def _receive(self, response: Any, url: str, part: PartFile, offset: int) -> None:
        """Write the body behind ``offset`` bytes and check that nothing is missing."""
        expected = _content_length(response)
        size = offset
        if expected is not None:
            expected += offset
            self._check_size(expected)
        deadline = time.monotonic() + self.limits.total_s
        with part.resume() if offset else part.restart(url, _validator(response)) as file:
            while expected is None or size < expected:
                piece = _read(response, CHUNK if expected is None else min(CHUNK, expected - size))
                if not piece:
                    break
                file.write(piece)
                file.flush()  # the end of the process does not wait for this thread
                size += len(piece)
                self._check_size(size)
                if self.is_stopped():
                    raise Stopped
                if time.monotonic() > deadline:
                    raise Fault("too slow", may_pass=True)
        if expected is not None and size < expected:
            raise Fault("the connection ended before the whole image arrived", may_pass=True)
        if size == 0:
            raise Fault("the answer is empty")

    def _check_size(self, size: int) -> None:
        if size > self.limits.max_bytes:
            raise Fault(f"larger than {self.limits.max_bytes / 1e6:g} MB")


class _Timed:
    """Give an HTTP connection its own limits for connecting and for reading."""

    limits: Limits

    def connect(self) -> None:
        self.timeout = self.limits.connect_s
        super().connect()  # type: ignore[misc]
        self.sock.settimeout(self.limits.read_s)


class _Http(urllib.request.HTTPHandler):
    def __init__(self, limits: Limits) -> None:
        super().__init__()
        self.kind = type("Timed", (_Timed, http.client.HTTPConnection), {"limits": limits})

    def http_open(self, request: urllib.request.Request) -> Any:
        return self.do_open(self.kind, request)


class _Https(urllib.request.HTTPSHandler):
    def __init__(self, limits: Limits) -> None:
        super().__init__()
        self.kind = type("Timed", (_Timed, http.client.HTTPSConnection), {"limits": limits})
        self.secure = ssl.create_default_context()

    def https_open(self, request: urllib.request.Request) -> Any:
        return self.do_open(self.kind, request, context=self.secure)


def parse_retry_after(headers: Any) -> float | None:
    """Return the seconds of a ``Retry-After`` header, in its form of seconds or of a date.

    A date counts from the server's own ``Date``, so that a wrong clock does no harm.
    """
    text = (headers.get("Retry-After") or "").strip()
    if text.isdecimal():
        return float(text)
    try:
        until = email.utils.parsedate_to_datetime(text).timestamp()
    except (TypeError, ValueError):
        return None
    try:
        now = email.utils.parsedate_to_datetime(headers.get("Date") or "").timestamp()
    except (TypeError, ValueError):
        now = time.time()
    return max(0.0, until - now)


def _read(response: Any, size: int) -> bytes:
    """Return the next bytes of the body, at most ``size``; empty at its end."""
    try:
        return response.read1(size)
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise _network_fault(error) from None


def _network_fault(error: Exception) -> Fault:
    """Return the fault of an exception of the network, in short words."""
    no_answer = isinstance(error, urllib.error.URLError)
    cause = error.reason if no_answer else error
    if isinstance(cause, ssl.SSLCertVerificationError):
        return Fault(f"the certificate is not valid: {cause.verify_message}")
    if isinstance(cause, (http.client.InvalidURL, UnicodeError)):
        return Fault("the address is not valid")
    if isinstance(cause, TimeoutError):
        return Fault("no answer in time", may_pass=True, no_answer=no_answer)
    if isinstance(cause, socket.gaierror):
        return Fault("the host is not known", may_pass=True, no_answer=True)
    if isinstance(cause, http.client.IncompleteRead):
        return Fault("the connection ended before the whole image arrived", may_pass=True)
    words = getattr(cause, "strerror", None) or str(cause) or type(cause).__name__
    return Fault(f"network error: {words}", may_pass=True, no_answer=no_answer)


def _status_fault(response: Any) -> Fault:
    status = response.status
    is_busy = status in BUSY
    return Fault(
        f"HTTP {status}",
        may_pass=is_busy or status in MAY_PASS,
        is_busy=is_busy,
        wait_s=parse_retry_after(response.headers),
    )


def _redirect(url: str, response: Any) -> str:
    location = response.headers.get("Location") or "no:address"
    try:
        # http.client reads headers as Latin-1, but servers write UTF-8
        location = location.encode("latin-1").decode("utf-8")
        return tidy(urljoin(url, location))
    except ValueError as error:
        raise Fault(f"HTTP {response.status} leads to a wrong address: {error}") from None


def _check_range(response: Any, offset: int, part: PartFile) -> None:
    """Raise and restart the file unless the server continues at ``offset``."""
    match = CONTENT_RANGE.match(response.headers.get("Content-Range") or "")
    if match is None or int(match[1]) != offset:
        part.discard()
        raise Fault("the partial file does not fit the server's", may_pass=True)


def _content_length(response: Any) -> int | None:
    """Return the length of this body, None if the server does not say it."""
    text = (response.headers.get("Content-Length") or "").strip()
    is_chunked = "chunked" in (response.headers.get("Transfer-Encoding") or "").lower()
    return int(text) if text.isdecimal() and not is_chunked else None


def _validator(response: Any) -> str:
    """Return a strong ETag or the date of the last change; empty if there is neither."""
    tag = response.headers.get("ETag") or ""
    if tag.startswith('"'):
        return tag
    return response.headers.get("Last-Modified") or ""


def _decompress(part: PartFile, coding: str, most: int) -> None:
    """Replace a compressed body, which some servers send unasked, by the image."""
    if coding not in ("gzip", "x-gzip", "deflate"):
        part.discard()
        raise Fault(f"unknown content encoding '{coding}'")
    try:
        decoder = zlib.decompressobj(zlib.MAX_WBITS | 32)  # finds the header of gzip or zlib
        data = decoder.decompress(part.path.read_bytes(), most + 1)
    except zlib.error as error:
        part.discard()
        raise Fault(f"the {coding} body is damaged: {error}", may_pass=True) from None
    if len(data) > most:
        part.discard()
        raise Fault(f"larger than {most / 1e6:g} MB")
    part.note.unlink(missing_ok=True)  # the bytes no longer match the server's
    part.path.write_bytes(data)
