"""Export a finished run: a folder with its weights, or one ONNX file that needs no torch.

python -m tools.export output/my --format safetensors
python -m tools.export output/my --format onnx --output my_model --push user/my-model
"""

import argparse
import sys
from collections.abc import Sequence

from core.errors import UserError
from inference.export.push import check_push, push
from inference.export.run import FORMATS, export
from tools import command


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = command.make_parser("tools.export", __doc__)
    parser.add_argument("run", metavar="OUT", help="output folder of a finished run")
    parser.add_argument("--format", required=True, choices=FORMATS)
    parser.add_argument("--output", default="", help="new folder (OUT/exported/FORMAT)")
    parser.add_argument("--backbone", default="", help="file of the backbone, if it has moved")
    parser.add_argument(
        "--with-backbone", action="store_true", help="safetensors: copy the backbone's file, too"
    )
    parser.add_argument(
        "--license", default="unknown", help="licence of the weights for the model card (unknown)"
    )
    parser.add_argument(
        "--push", default="", metavar="REPO_ID", help="upload the folder to Hugging Face"
    )
    parser.add_argument("--private", action="store_true", help="a new repository is private")
    return parser


def run(args: argparse.Namespace) -> int:
    """Export, upload and print where; return the exit status.

    Raises:
        UserError: ``--private`` has no effect; or see :func:`inference.export.run.export` and
            :func:`inference.export.push.push`.
    """
    if args.push:
        check_push(args.push)
    elif args.private:
        raise UserError("--private needs --push REPO_ID: nothing is uploaded without it")
    folder = export(
        args.run,
        args.format,
        args.output,
        with_backbone=args.with_backbone,
        backbone=args.backbone,
        license=args.license,
    )
    for file in sorted(folder.iterdir()):
        print(f"{file}  {file.stat().st_size:,} bytes")
    if args.push:
        print(push(folder, args.push, private=args.private))
    return 0


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit status."""
    args = build_parser().parse_args(argv)
    return command.run(lambda: run(args))


if __name__ == "__main__":
    sys.exit(main())
