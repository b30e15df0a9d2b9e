"""The tab of many files: a table, a CSV file, and the files that could not be read."""

import os
from pathlib import Path
from typing import Any

import gradio as gr

from core.errors import UserError
from datasets.images import IMAGE_SUFFIXES
from inference.app.bars import message
from inference.app.inbox import Inbox
from inference.app.model import AppModel
from inference.app.settings import MEBI, Limits
from inference.app.table import remove_old, table_html, write_csv
from inference.app.uploads import Upload
from inference.results import Prediction, Unreadable


class Batch:
    """Build the tab inside of a page, and answer its events.

    Args:
        model: of all visitors.
        inbox: with the uploads.
        folder: for CSV files; it is not served.
        keep: seconds until a CSV file is deleted.
    """

    def __init__(self, model: AppModel, inbox: Inbox, folder: Path, keep: int) -> None:
        self.model = model
        self.inbox = inbox
        self.folder = folder
        self.keep = keep
        gr.HTML(message(describe(model.limits, model.rule_text)))
        self.files = gr.File(
            label="Pictures", file_count="multiple", height=180, elem_id="ic-files"
        )
        with gr.Row():
            self.directory = gr.UploadButton(
                "Choose a folder", file_count="directory", elem_id="ic-folder"
            )
            self.csv = gr.DownloadButton(
                "Download CSV", interactive=False, variant="primary", elem_id="ic-csv"
            )
        self.table = gr.HTML("", elem_id="ic-table")
        self._connect()

    def _connect(self) -> None:
        outputs = [self.table, self.csv]
        options = {"api_visibility": "private", "show_progress_on": self.table}
        options["preprocess"] = False  # see Inbox
        self.files.change(self.predict, [self.files], outputs, **options)
        self.directory.upload(self.predict_folder, [self.directory], outputs, **options)

    def predict_folder(
        self,
        payload: list[dict[str, Any]] | None,
        progress: gr.Progress = gr.Progress(),  # noqa: B008  gradio wants it there
    ) -> tuple:
        """Return table and CSV of the pictures of a folder; its other files are left out."""
        return self._answer(payload, is_folder=True, progress=progress)

    def predict(
        self,
        payload: list[dict[str, Any]] | None,
        progress: gr.Progress = gr.Progress(),  # noqa: B008
    ) -> tuple:
        """Return table and CSV of some files."""
        return self._answer(payload, is_folder=False, progress=progress)

    def _answer(
        self, payload: list[dict[str, Any]] | None, *, is_folder: bool, progress: gr.Progress
    ) -> tuple:
        if not payload:
            return "", no_csv()
        found: list[Prediction | Unreadable] = []
        try:
            uploads = self.inbox.many(payload)
            if is_folder:
                uploads = pictures_of(uploads)
            for result in self.model.predict_all(uploads):
                found.append(result)
                progress((len(found), len(uploads)), unit="files")
        except UserError as error:
            return message(str(error), "error"), no_csv()
        predictions = [result for result in found if isinstance(result, Prediction)]
        failures = [result for result in found if isinstance(result, Unreadable)]
        return table_html(predictions, failures), self._csv(predictions)

    def _csv(self, predictions: list[Prediction]) -> dict:
        remove_old(self.folder, self.keep)
        if not predictions:
            return no_csv()
        return gr.update(value=str(write_csv(predictions, self.folder)), interactive=True)


def pictures_of(uploads: list[Upload]) -> list[Upload]:
    """Return the files whose names are those of pictures, in order of their names.

    Raises:
        UserError: there are none.
    """
    found = [u for u in uploads if os.path.splitext(u.name)[1].lower() in IMAGE_SUFFIXES]
    if not found:
        raise UserError("the folder has no picture")
    return sorted(found, key=lambda upload: upload.name)


def no_csv() -> dict:
    """Return the state of the download without a file."""
    return gr.update(value=None, interactive=False)


def describe(limits: Limits, rule: str) -> str:
    """Return the limits of a batch, and the rule that marks intents, in words."""
    marks = f"The rule marks intents: {rule}." if rule else "No rule marks intents."
    return (
        f"Up to {limits.files} files, {limits.bytes // MEBI} MB each and {limits.total // MEBI} MB "
        f"together. {marks}"
    )
