"""The page with its tabs."""

from collections.abc import Sequence
from pathlib import Path

import gradio as gr

from inference.app.batch import Batch
from inference.app.inbox import Inbox
from inference.app.model import AppModel
from inference.app.photograph import Photograph

TITLE = "IntCLIP"
SWEEP = 600  # seconds between two looks for old uploads, at most


def build_page(
    model: AppModel, inbox: Inbox, *, examples: Sequence[Path], csv_folder: Path, keep: int
) -> gr.Blocks:
    """Return the page of a model.

    Args:
        model: of all visitors.
        inbox: with the uploads and the examples.
        examples: files that a visitor may choose.
        csv_folder: for CSV files; it is not served.
        keep: seconds until an upload is deleted.
    """
    sweep = (min(keep, SWEEP), keep)
    with gr.Blocks(title=TITLE, analytics_enabled=False, delete_cache=sweep) as page:
        gr.Markdown("# IntCLIP\nWhy did somebody take this picture?", elem_id="ic-title")
        with gr.Tab("Photograph"):
            Photograph(model, inbox, examples)
        with gr.Tab("Folder / batch"):
            Batch(model, inbox, csv_folder, keep)
    return page


def theme() -> gr.themes.Base:
    """Return the look; all fonts are those of the visitor's machine."""
    font = gr.themes.Font
    base = gr.themes.Base(
        primary_hue=gr.themes.colors.teal,
        neutral_hue=gr.themes.colors.slate,
        font=[font("system-ui"), font("sans-serif")],
        font_mono=[font("ui-monospace"), font("monospace")],
    )
    button = {}  # dark enough for white text
    for mode in ("", "_dark"):
        button[f"button_primary_background_fill{mode}"] = "*primary_700"
        button[f"button_primary_background_fill_hover{mode}"] = "*primary_800"
    return base.set(**button)
