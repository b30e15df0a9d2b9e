"""Command line of the speed benchmarks: shared flags, checked values, errors in one line."""

import argparse
import re
import sys
from collections.abc import Callable, Sequence

from core.errors import UserError

CONFIG_KEY = re.compile(r"[A-Z][A-Z0-9_]*(\.[A-Z0-9_]+)+")  # such as SPEED.TF32


class Parser(argparse.ArgumentParser):
    """A parser with the flags of all speed benchmarks; ``KEY VALUE`` pairs may follow the flags.

    Args:
        doc: description in the help.
        repeats: default number of timed repeats.
        keys: help text on the accepted ``KEY VALUE`` pairs; empty: the script takes none.
        has_device: whether the script has the flags ``--device`` and ``--threads``.
        has_baseline: whether the script also measures a straightforward form.
    """

    def __init__(
        self,
        doc: str,
        *,
        repeats: int = 5,
        keys: str = "",
        has_device: bool = True,
        has_baseline: bool = True,
    ) -> None:
        usage = "%(prog)s [flags]"
        if keys:
            usage += " [KEY VALUE ...]"
        super().__init__(
            usage=usage,
            description=doc,
            formatter_class=argparse.RawDescriptionHelpFormatter,
            epilog=keys,
            allow_abbrev=False,
        )
        self.has_keys = bool(keys)
        self._add_shared_flags(repeats)
        if has_baseline:
            self._add_baseline_flag()
        if has_device:
            self._add_device_flags()

    def _add_shared_flags(self, repeats: int) -> None:
        self.add_argument("--repeats", type=at_least(1), default=repeats, help="timed repeats")
        self.add_argument(
            "--warm-up", type=at_least(0), default=1, help="repeats before those, not counted"
        )
        self.add_argument("--output", default="", help="file to append the JSON lines to")
        self.add_argument("--worker", default="", help=argparse.SUPPRESS)

    def _add_baseline_flag(self) -> None:
        self.add_argument(
            "--baseline",
            action="store_true",
            help="also measure the straightforward form; both forms take turns",
        )

    def _add_device_flags(self) -> None:
        self.add_argument("--device", default="cpu", choices=("cpu", "cuda"))
        self.add_argument(
            "--threads", type=at_least(0), default=0, help="threads of torch; 0: one per core"
        )

    def parse(self, argv: Sequence[str] | None) -> argparse.Namespace:
        """Return the flags, with the checked ``KEY VALUE`` list as ``opts``.

        Args:
            argv: words after the command; None: those of this process.

        Raises:
            UserError: a key or a value is not accepted, or there is no CUDA device.
        """
        words = list(sys.argv[1:] if argv is None else argv)
        num_flags = self._index_of_first_key(words)
        args = self.parse_args(words[:num_flags])
        args.opts = words[num_flags:]
        if args.opts:
            check_opts(args.opts)
        if getattr(args, "device", "cpu") == "cuda" and not args.worker:
            check_cuda()
        return args

    def _index_of_first_key(self, words: Sequence[str]) -> int:
        if self.has_keys:
            for index, word in enumerate(words):
                if CONFIG_KEY.fullmatch(word):
                    return index
        return len(words)


def at_least(low: int) -> Callable[[str], int]:
    """Return a type for ``add_argument``: a whole number, ``low`` or greater."""

    def number(text: str) -> int:
        try:
            value = int(text)
        except ValueError:
            value = low - 1
        if value < low:
            raise argparse.ArgumentTypeError(
                f"expected a whole number, at least {low}, not {text!r}"
            )
        return value

    return number


def check_opts(opts: Sequence[str]) -> None:
    """Raise :class:`UserError` if the configuration does not accept ``KEY VALUE`` pairs."""
    # Imported here because it imports all owners of keys, and startup.py measures imports.
    from core.config_merge import setup_cfg

    setup_cfg([], opts=opts)


def check_cuda() -> None:
    """Raise :class:`UserError` if torch finds no CUDA device."""
    import torch

    if not torch.cuda.is_available():
        raise UserError("--device is cuda, but torch finds no CUDA device here; accepted: cpu")


def start(main: Callable[[], None]) -> None:
    """Run the ``main`` of a script; a user's mistake ends in its message and status 2."""
    try:
        main()
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        sys.exit(130)
