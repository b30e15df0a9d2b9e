"""The server: private folders, gradio without telemetry, the page."""

import contextlib
import os
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

from inference.app.examples import copy_examples, example_folder
from inference.app.inbox import Inbox
from inference.app.model import AppModel
from inference.app.settings import Settings

LOCAL = ("127.0.0.1", "localhost")
CSS = Path(__file__).with_name("style.css")
# Variables of gradio that would open folders, or change what the flags say.
UNSET = ("GRADIO_ALLOWED_PATHS", "GRADIO_SHARE", "GRADIO_SERVER_NAME", "GRADIO_SERVER_PORT")


def prepare_gradio(folder: Path) -> None:
    """Set gradio's variables; call it before gradio is imported.

    Args:
        folder: uploads go there, and nothing else is served.
    """
    for name in UNSET:
        os.environ.pop(name, None)
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
    os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"
    os.environ["GRADIO_TEMP_DIR"] = str(folder / "uploads")
    os.environ["GRADIO_EXAMPLES_CACHE"] = str(folder / "uploads" / "examples")


@contextlib.contextmanager
def open_site(model: AppModel, settings: Settings) -> Iterator[tuple[str, str]]:
    """Serve the page; yield its address and, if it is shared, the public one.

    All files of visitors are deleted at the end.

    Raises:
        UserError: the examples cannot be used.
        OSError: the port is taken.
    """
    with tempfile.TemporaryDirectory(prefix="intclip-app-", ignore_cleanup_errors=True) as name:
        folder = Path(name).resolve()
        for part in ("uploads", "csv"):
            (folder / part).mkdir()
        prepare_gradio(folder)
        inbox = Inbox(folder / "uploads")
        page = _page(model, settings, folder, inbox)
        try:
            yield _launch(page, settings, inbox)
        finally:
            page.close(verbose=False)


def _page(model: AppModel, settings: Settings, folder: Path, inbox: Inbox):
    from inference.app.page import build_page  # here: gradio reads its variables at the import

    source = settings.examples or example_folder(model.predictor.cfg)
    examples = (
        copy_examples(source, folder / "uploads" / "shown", settings.limits) if source else []
    )
    csv_folder = folder / "csv"
    return build_page(model, inbox, examples=examples, csv_folder=csv_folder, keep=settings.keep)


def _launch(page, settings: Settings, inbox: Inbox) -> tuple[str, str]:
    from starlette.middleware import Middleware
    from starlette.middleware.trustedhost import TrustedHostMiddleware

    from inference.app.guard import Guard
    from inference.app.page import theme

    middleware = [Middleware(Guard, inbox=inbox)]
    if settings.host in LOCAL and not settings.share:
        # A page of the web may give its own name to this machine's address (DNS rebinding).
        middleware.insert(0, Middleware(TrustedHostMiddleware, allowed_hosts=[*LOCAL]))
    _, local, public = page.launch(
        server_name=settings.host,
        server_port=settings.port,
        share=settings.share,
        prevent_thread_lock=True,
        quiet=True,
        footer_links=[],
        run_history=False,
        enable_monitoring=False,
        ssr_mode=False,
        pwa=False,
        mcp_server=False,
        max_file_size=settings.limits.bytes,
        app_kwargs={"middleware": middleware},
        theme=theme(),
        css_paths=CSS,
    )
    return local, public or ""


def serve(model: AppModel, settings: Settings, tell: Callable[[str], object]) -> None:
    """Serve until an interruption.

    Args:
        model: of all visitors.
        settings: of the server.
        tell: shows a line to the person who started the app.
    """
    with open_site(model, settings) as (local, public):
        for address in filter(None, (local, public)):
            tell(f"IntCLIP is at {address} (Ctrl+C ends it)")
        with contextlib.suppress(KeyboardInterrupt):
            threading.Event().wait()
