"""Headline numbers with intervals, and the protocol in words."""

from evaluation.metrics import HEADLINE_METRICS
from reports.blocks import Section, Text, Tile, Tiles
from reports.figures.strip import draw_strip
from reports.labels import label_of, metric_in_words
from reports.tables import MISSING, Column, Table, format_value, is_missing, with_interval
from reports.view import RunView

SINGLE_LABEL = ("accuracy", "macro_f1", "mAP")
PERCENT = "Values are in percent."
ZERO_SHOT = ("zsl_mAP", "zsl_f1_top3", "gzsl_mAP", "gzsl_f1_top3")


def section(view: RunView) -> Section:
    """Return the section."""
    blocks = [Tiles([_tile(view, name) for name in _headline(view)])]
    blocks += [Text(text) for text in _protocol(view)]
    blocks += [Text(text, "warning") for text in _warnings(view)]
    blocks.append(_splits_table(view))
    blocks.append(_all_metrics(view))
    return Section("result", f"Result on {view.split}", "", blocks, link="Result")


def _headline(view: RunView) -> list[str]:
    """Return the benchmark's four metrics, or those of the kind of data or evaluator."""
    for names in (SINGLE_LABEL, ZERO_SHOT):
        if names[0] in view.metrics:
            return [name for name in names if name in view.metrics]
    names = [name for name in HEADLINE_METRICS if name in view.metrics]
    return names or list(view.metrics)[:4]


def _tile(view: RunView, name: str) -> Tile:
    value, entry = view.metric(name), view.interval(name)
    label = label_of(name)
    if value is None:
        hint = "" if view.positive.any() else "no class has a positive"
        return Tile(label, MISSING, hint=hint)
    low, high = entry.get("low"), entry.get("high")
    if is_missing(low) or is_missing(high):
        return Tile(label, format_value(value, Column(label)))
    column = Column(label)
    interval = f"{format_value(low, column)} to {format_value(high, column)}"
    alternative = f"{label} {value:.2f}, interval {interval}, on an axis from 0 to 100"
    picture = draw_strip(f"tile-{name}", value, low, high, alternative)
    return Tile(label, f"{value:.2f}", interval, picture)


def _protocol(view: RunView) -> list[str]:
    """Return sentences that say how the numbers come about."""
    run = view.run
    sentences = [_about_rule(view)]
    if "mAP" in view.metrics:
        text = "mAP is the mean of non-interpolated average precision over the classes."
        interpolated = view.metric("mAP_interp")
        if interpolated is not None:
            text += (
                f" Part of the literature interpolates precision; that mAP is {interpolated:.2f}."
            )
        sentences.append(text)
    intervals = run.intervals
    if intervals:
        confidence = 100 * intervals.get("confidence", 0.95)
        draws = intervals.get("draws", 0)
        sentences.append(
            f"These are {confidence:.0f} % intervals: bootstrap over images, {draws:,} draws. They "
            "say how the numbers move with other images, not with another training seed."
        )
        if intervals.get("metrics", {}).get("mAP", {}).get("method") == "halving":
            sentences.append(
                "mAP is too high on average if classes have few positives. The centre of its "
                "interval is the value minus the estimated bias, so the interval usually reaches "
                "further below the value than above it."
            )
        without = _without_interval(view)
        if without:
            sentences.append(f"Without an interval: {', '.join(without)}.")
        dropped = intervals.get("dropped", {})
        if dropped:
            most = max(dropped, key=dropped.get)
            who = f"{len(dropped)} classes, most often to '{most}'"
            if len(dropped) == 1:
                who = f"one class, '{most}'"
            sentences.append(
                "A class without a positive in a draw is left out of this draw. This happens to "
                f"{who} ({dropped[most]:,} of {draws:,} draws)."
            )
    else:
        sentences.append("There are no intervals.")
    return [" ".join(sentences)]


def _without_interval(view: RunView) -> list[str]:
    """Return the labels of the headline's metrics that have a value and no interval."""
    labels = []
    for name in _headline(view):
        if view.metric(name) is not None and is_missing(view.interval(name).get("low")):
            labels.append(label_of(name))
    return labels


def _about_rule(view: RunView) -> str:
    run = view.run
    size = f"{view.num_images:,} images"
    rule = run.final.result.rule
    if rule is None:
        return f"The evaluator decides without a rule of its own on {view.split} ({size})."
    tuned_on = view.tuned_on
    text = f"Decision rule: {rule.describe()}."
    if tuned_on == view.split:
        return f"{text} The rule is tuned on {tuned_on} itself ({size}): these F1 are optimistic."
    if tuned_on == "val":
        val = run.splits.get("val")
        images = f" ({len(val.images):,} images)" if val else ""
        return f"{text} The rule is tuned on val{images} and applied to {view.split} ({size})."
    if tuned_on:
        return f"{text} The rule is tuned on {tuned_on}: these F1 are optimistic."
    return f"{text} The rule is given, not tuned; it is applied to {view.split} ({size})."


def _warnings(view: RunView) -> list[str]:
    texts = list(view.run.notes)
    absent = [view.run.names[c] for c in view.by_frequency if not view.num_pos[c]]
    if absent:
        texts.append(
            f"Classes without a positive on {view.split}, left out of mAP and macro F1: "
            f"{', '.join(absent)}."
        )
    share = 1 - view.known.mean() if view.known.size else 0
    if share > 0:
        texts.append(f"{100 * share:.1f} % of the labels are unknown; they count nowhere.")
    return texts


def _splits_table(view: RunView) -> Table:
    names = _headline(view)
    columns = ["split", *(Column(label_of(name)) for name in names)]
    rows = []
    for split, evaluated in view.run.splits.items():
        cells = [split]
        for name in names:
            value = evaluated.result.metrics.get(name)
            entry = view.interval(name) if split == view.split else None
            cells.append(with_interval(value, entry))
        rows.append(cells)
    return Table("Headline metrics per split", columns, rows, name="splits", closed=True)


def _all_metrics(view: RunView) -> Table:
    splits = list(view.run.splits)
    columns = ["metric", Column("key", hint="name in metrics.json"), *splits]
    rows = []
    for name in view.metrics:
        cells = [metric_in_words(name), name]
        for split in splits:
            value = view.run.splits[split].result.metrics.get(name)
            entry = view.interval(name) if split == view.split else None
            cells.append(with_interval(value, entry))
        rows.append(cells)
    note = _about_units(view)
    return Table("All metrics", columns, rows, name="metrics", closed=True, note=note)


def _about_units(view: RunView) -> str:
    """Return which of the metrics on the page are not in percent."""
    rule = view.run.final.result.rule
    others = [name for name in (rule.numbers() if rule else ()) if name in view.metrics]
    others += [name for name in ("zsl_images", "gzsl_images") if name in view.metrics]
    if any(name.startswith("ldl_") for name in view.metrics):
        others.append("ldl_...")
    return f"Values are in percent, except for {', '.join(others)}." if others else PERCENT
