"""Settings of the browser app, and the files that a visitor may send."""

from dataclasses import dataclass

MEBI = 1024 * 1024


@dataclass(frozen=True)
class Limits:
    """What one visitor may send at a time.

    Attributes:
        bytes: of one file.
        pixels: of one picture, by its header; about 4 bytes of memory each.
        files: of one batch.
        total: bytes of all files of a batch.
    """

    bytes: int = 25 * MEBI
    pixels: int = 64_000_000
    files: int = 200
    total: int = 500 * MEBI


@dataclass(frozen=True)
class Settings:
    """Settings of the server.

    Attributes:
        host: address to listen on.
        port: of the server; None: the first free one from 7860.
        share: whether a public address is made.
        examples: folder of example pictures; empty: none.
        keep: seconds until an upload is deleted.
        limits: of one visitor.
    """

    host: str = "127.0.0.1"
    port: int | None = None
    share: bool = False
    examples: str = ""
    keep: int = 3600
    limits: Limits = Limits()

    @property
    def is_local(self) -> bool:
        """Whether only this machine reaches the app."""
        return not self.share and self.host in ("127.0.0.1", "localhost", "::1")
