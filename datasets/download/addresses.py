"""Addresses of images: their valid form, their host, their resized variant, their file name."""

import hashlib
import re
from urllib.parse import parse_qsl, quote, urlencode, urlsplit, urlunsplit

SCHEMES = ("http", "https")
# Hosts with imgix, which resizes on request: host name -> query for a width in pixels.
RESIZING_HOSTS = {"images.unsplash.com": lambda width: {"w": str(width), "fit": "max"}}
_SAFE = "/:@!$&'()*+,;=~%-._"
_LONE_PERCENT = re.compile(r"%(?![0-9A-Fa-f]{2})")


def tidy(url: str) -> str:
    """Return an address in ASCII: spaces and other characters are quoted, the fragment is dropped.

    Raises:
        ValueError: it is no address of http or https.
    """
    parts = urlsplit(url.strip())
    if parts.scheme not in SCHEMES or not parts.hostname:
        raise ValueError("no address of http or https")
    host = parts.hostname
    if not host.isascii():
        host = host.encode("idna").decode("ascii")
    elif ":" in host:
        host = f"[{host}]"
    elif re.search(r"[^\w.-]", host):
        raise ValueError(f"'{host}' is no host name")
    if parts.port is not None:
        host = f"{host}:{parts.port}"
    path = _quote(parts.path) or "/"
    return urlunsplit((parts.scheme, host, path, _quote(parts.query, also="?"), ""))


def host_of(url: str) -> str:
    """Return the host, with its port if the address names one."""
    return urlsplit(url).netloc


def resized(url: str, width: int) -> str:
    """Return the address of a copy with ``width`` pixels if the host offers it, else ``url``.

    Args:
        width: 0 asks for the original. No host enlarges a smaller original.
    """
    parts = urlsplit(url)
    make_query = RESIZING_HOSTS.get(parts.hostname or "")
    if make_query is None or width == 0:
        return url
    query = dict(parse_qsl(parts.query, keep_blank_values=True))
    query.update(make_query(width))
    return urlunsplit(parts._replace(query=urlencode(query)))


def url_file_name(url: str) -> str:
    """Return the file name of an image that its list names by the address alone.

    It is ``images/<first 16 hex digits of the SHA-1 of the address as listed, in UTF-8>.jpg``. The
    suffix is the same for every format: the content decides how a file is decoded.
    """
    digest = hashlib.sha1(url.strip().encode("utf-8"), usedforsecurity=False).hexdigest()
    return f"images/{digest[:16]}.jpg"


def _quote(text: str, *, also: str = "") -> str:
    """Quote what an address may not hold; what is quoted already stays."""
    return quote(_LONE_PERCENT.sub("%25", text), safe=_SAFE + also)
