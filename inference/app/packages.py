"""The optional package of the browser app."""

from importlib.util import find_spec

from core.errors import UserError

REQUIREMENTS = "requirements-app.txt"


def require_gradio() -> None:
    """Raise :class:`UserError` where gradio is missing."""
    if find_spec("gradio") is None:
        raise UserError(f"the app needs gradio; install: pip install -r {REQUIREMENTS}")
