"""Show the intents of photographs in a browser, with a finished run or with CLIP.

    python app.py --run output/my
    python app.py --classes "joy, calm, fear"

The app is for this machine only, unless --host or --share is given (docs/app.md).
"""

import argparse
import signal
import socket
import sys

import inference  # isort: skip  # noqa: F401  first: it checks whose the other packages are
from core.errors import UserError
from inference.app.examples import check_folder
from inference.app.model import AppModel
from inference.app.packages import require_gradio
from inference.app.settings import Limits, Settings
from inference.app.site import serve
from inference.images import silence_pillow
from predict import add_model_flags, check_model_args, load_predictor
from tools import command

WARNING = (
    "warning: others can open this app, without a password. They can use this machine's time and "
    "see the examples; use it with people you trust"
)


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of ``app.py``."""
    parser = command.Parser(
        prog="app.py", description=__doc__.partition("\n")[0], allow_abbrev=False
    )
    add_model_flags(parser)
    parser.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto", help="(auto)")
    parser.add_argument("--batch-size", type=int, metavar="N", help="images at a time (the run's)")
    parser.add_argument("--examples", default="", metavar="FOLDER", help="pictures to choose from")
    add_server_flags(parser)
    return parser


def add_server_flags(parser: argparse.ArgumentParser) -> None:
    """Add the flags of the server."""
    server = parser.add_argument_group("server")
    own = Settings()
    server.add_argument("--host", default=own.host, help=f"address to listen on ({own.host})")
    server.add_argument("--port", type=int, help="(the first free one from 7860)")
    server.add_argument(
        "--share", action="store_true", help="make a public address, through a server of Gradio"
    )
    server.add_argument(
        "--keep", type=int, default=own.keep, help=f"seconds until uploads are deleted ({own.keep})"
    )
    limits = parser.add_argument_group("limits of one visitor")
    for name, meaning in (("pixels", "of one picture"), ("files", "of one batch")):
        default = getattr(Limits, name)
        limits.add_argument(
            f"--max-{name}", type=int, default=default, help=f"{meaning} ({default})"
        )


def check_args(args: argparse.Namespace) -> None:
    """Raise :class:`UserError` for flags that miss, exclude each other or are out of range."""
    check_model_args(args)
    for name, least in (("keep", 60), ("max_pixels", 1), ("max_files", 1)):
        command.check_least(getattr(args, name), f"--{name.replace('_', '-')}", least)
    if args.batch_size is not None:
        command.check_least(args.batch_size, "--batch-size", 1)
    if args.examples:
        check_folder(args.examples)
    if args.port is not None:
        check_port(args.host, args.port)


def check_port(host: str, port: int) -> None:
    """Raise :class:`UserError` where nothing can listen; the model need not be loaded for that."""
    if not 1 <= port <= 65535:
        raise UserError(f"--port is {port}; expected 1 to 65535")
    try:
        family, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        socket.create_server(address[:2], family=family).close()
    except (OSError, UnicodeError) as error:  # the second for a name such as ..bad
        reason = (getattr(error, "strerror", None) or str(error)).partition(" (")[0]
        raise UserError(f"cannot listen on {host}, port {port}: {reason}") from None


def settings_of(args: argparse.Namespace) -> Settings:
    """Return the settings of the command line."""
    limits = Limits(pixels=args.max_pixels, files=args.max_files)
    return Settings(
        args.host, args.port, args.share, examples=args.examples, keep=args.keep, limits=limits
    )


def start(args: argparse.Namespace) -> int:
    """Check, load and serve until an interruption; return the exit status."""
    check_args(args)
    require_gradio()
    silence_pillow()
    settings = settings_of(args)
    if not settings.is_local:
        print(WARNING, file=sys.stderr)
    model = AppModel(load_predictor(args), settings.limits)
    serve(model, settings, lambda line: print(line, flush=True))
    return 0


def main(argv: list[str] | None = None) -> int:
    """Run the command line; return the exit status."""
    args = build_parser().parse_args(argv)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # so that uploads are deleted
    return command.run(lambda: start(args))


if __name__ == "__main__":
    sys.exit(main())
