"""The command line of all benchmarks: shared flags, whole numbers with a lower bound, one line for a mistake."""

import argparse
import re
import sys
from collections.abc import Callable, Sequence

from core.config_merge import setup_cfg
from core.errors import UserError

KEY = re.compile(r"[A-Z][A-Z0-9_]*(\.[A-Z0-9_]+)+")  # of the configuration, such as SPEED.TF32


class Parser(argparse.ArgumentParser):
    """A parser with the flags that all benchmarks have; ``KEY VALUE`` pairs go to ``opts``, from the first key on.

    ``keys`` says which pairs are taken (empty: none); without ``has_device`` there is no choice of device and threads.
    """

    def __init__(
        self, doc: str, *, repeats: int = 5, keys: str = "", has_device: bool = True
    ) -> None:
        usage = "%(prog)s [flags]" + (" [KEY VALUE ...]" if keys else "")
        formatter = argparse.RawDescriptionHelpFormatter
        super().__init__(
            usage=usage, description=doc, formatter_class=formatter, epilog=keys, allow_abbrev=False
        )
        self.has_keys = bool(keys)
        self.add_argument("--repeats", type=at_least(1), default=repeats, help="timed repeats")
        self.add_argument(
            "--warm-up", type=at_least(0), default=1, help="repeats before those, not counted"
        )
        if has_device:
            self.add_argument("--device", default="cpu", choices=("cpu", "cuda"))
            self.add_argument(
                "--threads", type=at_least(0), default=0, help="torch's threads; 0: one per core"
            )
        self.add_argument(
            "--baseline",
            action="store_true",
            help="also measure the straightforward form, in turns",
        )
        self.add_argument("--output", default="", help="file to append the JSON lines to")
        self.add_argument("--worker", default="", help=argparse.SUPPRESS)

    def parse(self, argv: Sequence[str] | None) -> argparse.Namespace:
        """Return the flags, and ``opts``, the checked list of keys and values.

        Raises:
            UserError: a key or value is not accepted, or there is no CUDA device.
        """
        words = list(sys.argv[1:] if argv is None else argv)
        is_key = [self.has_keys and bool(KEY.fullmatch(word)) for word in words]
        start = is_key.index(True) if True in is_key else len(words)
        args = self.parse_args(words[:start])
        args.opts = words[start:]
        setup_cfg([], opts=args.opts)
        if getattr(args, "device", "cpu") == "cuda" and not args.worker:
            check_cuda()
        return args


def at_least(low: int) -> Callable[[str], int]:
    """Return a type for ``add_argument``: a whole number that is not below ``low``."""

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


def check_cuda() -> None:
    """Raise :class:`UserError` if torch finds no CUDA device."""
    import torch

    if not torch.cuda.is_available():
        raise UserError("--device is cuda, but torch finds no CUDA device here; accepted: cpu")


def start(main: Callable[[], None]) -> None:
    """Run a script's ``main``; a mistake ends in its message and status 2."""
    try:
        main()
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        sys.exit(130)
