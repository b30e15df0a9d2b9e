"""The tab of one photograph: intents, a threshold to move, maps."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import gradio as gr

from core.errors import UserError
from inference.app.bars import message, result_html
from inference.app.inbox import Inbox
from inference.app.maps import maps_html
from inference.app.model import AppModel
from inference.app.settings import MEBI
from inference.results import Prediction

TOP = 3  # intents with maps
EMPTY = "Drop a picture or paste one"
EMPTY_WITH_EXAMPLES = "Drop a picture, paste one, or choose an example"
HINT = "An intent passes above it."


class Photograph:
    """Build the tab inside of a page, and answer its events.

    Args:
        model: of all visitors.
        inbox: with the uploads and the examples.
        examples: files that a visitor may choose.
    """

    def __init__(self, model: AppModel, inbox: Inbox, examples: Sequence[Path]) -> None:
        self.model = model
        self.inbox = inbox
        start = EMPTY_WITH_EXAMPLES if examples else EMPTY
        size = model.limits.bytes // MEBI
        self.empty = message(f"{start}; its intents appear here. A file has up to {size} MB.")
        with gr.Row(equal_height=False, elem_classes="ic-main"):
            with gr.Column(scale=2, min_width=300):
                self._picture(examples)
            with gr.Column(scale=3, min_width=300):
                self._threshold()
                self.result = gr.HTML(self.empty, elem_id="ic-result")
        self._maps()
        self.prediction = gr.State(None, time_to_live=3600)
        self.own = gr.State(None)  # the visitor's threshold; None: the rule of the run
        self._connect()

    def _picture(self, examples: Sequence[Path]) -> None:
        self.picture = gr.Image(
            label="Photograph",
            type="filepath",
            image_mode=None,
            sources=["upload", "clipboard"],
            height=320,
            buttons=[],
            elem_id="ic-picture",
        )
        if examples:
            rows = [[str(path)] for path in examples]
            self.picture.keep_in_cache |= {str(path) for path in examples}  # not uploads
            gr.Examples(
                rows,
                [self.picture],
                label="Examples",
                examples_per_page=len(rows),
                elem_id="ic-examples",
            )

    def _threshold(self) -> None:
        start = self.model.threshold
        self.slider = gr.Slider(
            0, 1, start, step=0.01, label="Threshold", info=HINT, buttons=[], elem_id="ic-threshold"
        )
        self.reset = gr.Button(
            f"Back to the rule: {self.model.rule_text}",
            visible=self.model.has_rule,
            size="sm",
            elem_id="ic-reset",
        )

    def _maps(self) -> None:
        reason = self.model.no_maps
        with gr.Accordion("Where the picture matches", elem_id="ic-explain"):
            self.show = gr.Button("Show the maps", visible=not reason, elem_id="ic-show")
            self.maps = gr.HTML(message(reason) if reason else "", elem_id="ic-maps")

    def _connect(self) -> None:
        # preprocess=False: Inbox reads the files, and gradio would refuse numbers by a traceback.
        hidden = {"show_progress": "hidden", "api_visibility": "private", "preprocess": False}
        hidden["queue"] = False  # marks need no network: at once, also while others wait
        self.picture.change(
            self.predict,
            [self.picture, self.own],
            [self.result, self.prediction, self.maps],
            preprocess=False,
            api_visibility="private",
            concurrency_limit=2,
            show_progress_on=self.result,
        )
        self.slider.input(
            self.mark,
            [self.slider, self.prediction],
            [self.result, self.own],
            trigger_mode="always_last",
            **hidden,
        )
        self.reset.click(
            self.unmark, [self.prediction], [self.result, self.own, self.slider], **hidden
        )
        self.show.click(
            self.explain,
            [self.picture, self.prediction, self.own],
            [self.maps],
            preprocess=False,
            api_visibility="private",
        )

    def predict(self, payload: dict[str, Any] | None, own: float | None) -> tuple:
        """Return the intents of a new picture, its prediction, and empty maps."""
        maps = message(self.model.no_maps) if self.model.no_maps else ""
        try:
            upload = self.inbox.one(payload)
            if upload is None:
                return self.empty, None, maps
            prediction = self.model.predict(upload)
        except UserError as error:
            return message(str(error), "error"), None, maps
        return self.drawn(prediction, own), prediction, maps

    def drawn(self, prediction: Prediction | None, own: float | None) -> str:
        """Return a prediction as HTML, marked by the visitor's threshold or by the rule."""
        if prediction is None:
            return self.empty
        rule = f"Rule: {self.model.rule_text}" if self.model.has_rule else ""
        threshold = self.model.rule_threshold if own is None else own
        if own is not None:
            rule = f"Your threshold: score > {own:g}"
        marked = self.model.marked(prediction, own)
        return result_html(marked, level=self.model.level, rule=rule, threshold=threshold)

    def mark(
        self, threshold: float | None, prediction: Prediction | None
    ) -> tuple[str, float | None]:
        """Return the intents at another threshold; the network does not run.

        Without a threshold, as in an empty field, those of the rule.
        """
        own = None if threshold is None else min(max(float(threshold), 0.0), 1.0)
        return self.drawn(prediction, own), own

    def unmark(self, prediction: Prediction | None) -> tuple[str, None, float]:
        """Return the intents by the rule of the run, and where the slider starts."""
        return self.drawn(prediction, None), None, self.model.threshold

    def explain(
        self, payload: dict[str, Any] | None, prediction: Prediction | None, own: float | None
    ) -> str:
        """Return the maps of the most probable intents."""
        try:
            upload = self.inbox.one(payload)
            if upload is None or prediction is None:
                return message("Choose a picture first.")
            marked = self.model.marked(prediction, own)
            return maps_html(self.model.explain(upload, marked, TOP))
        except UserError as error:
            return message(str(error), "error")
