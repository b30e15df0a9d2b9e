"""The tab of many files: a table, a CSV file, and the files that could not be read."""

import os
from pathlib import Path

import gradio as gr

from core.errors import UserError
from datasets.images import IMAGE_SUFFIXES
from inference.app.bars import message
from inference.app.model import AppModel
from inference.app.received import all_received
from inference.app.settings import MEBI, Limits
from inference.app.table import remove_old, table_html, write_csv
from inference.app.uploads import Upload
from inference.results import Prediction, Unreadable


class Batch:
    """Build the tab inside of a page, and answer its events.

    Args:
        model: of all visitors.
        folder: for CSV files; it is not served.
        keep: seconds until a CSV file is deleted.
    """

    def __init__(self, model: AppModel, folder: Path, keep: int) -> None:
        self.model = model
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
        for component in (self.files, self.directory):
            component.preprocess = all_received
        outputs = [self.table, self.csv]
        options = {"api_visibility": "private", "show_progress_on": self.table}
        self.files.change(self.predict, [self.files], outputs, **options)
        self.directory.upload(self.predict_folder, [self.directory], outputs, **options)

    def predict_folder(
        self,
        uploads: list[Upload],
        progress: gr.Progress = gr.Progress(),  # noqa: B008  gradio wants it there
    ) -> tuple:
        """Return table and CSV of the pictures of a folder; its other files are left out."""
        pictures = []
        for upload in uploads:
            if os.path.splitext(upload.name)[1].lower() in IMAGE_SUFFIXES:
                pictures.append(upload)
        if uploads and not pictures:
            return message("The folder has no picture.", "error"), no_csv()
        return self.predict(pictures, progress)

    def predict(
        self,
        uploads: list[Upload],
        progress: gr.Progress = gr.Progress(),  # noqa: B008
    ) -> tuple:
        """Return table and CSV of some files."""
        if not uploads:
            return "", no_csv()
        found: list[Prediction | Unreadable] = []
        try:
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


def no_csv() -> dict:
    """Return the state of the download without a file."""
    return gr.update(value=None, interactive=False)


def describe(limits: Limits, rule: str) -> str:
    """Return the limits of a batch in words."""
    return (
        f"Up to {limits.files} files, {limits.bytes // MEBI} MB each and {limits.total // MEBI} MB "
        f"together. Marks by the rule of the run: {rule}."
    )
