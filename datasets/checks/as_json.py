"""The result of the checks as plain values for a JSON file."""

from collections.abc import Sequence
from typing import Any

from datasets.checks.files import FileCheck
from datasets.checks.findings import Finding
from datasets.checks.result import DataCheck
from datasets.checks.texts import TextCheck


def to_json(check: DataCheck) -> dict[str, Any]:
    """Return the content of ``check_data.json``: numbers, texts, lists; NaN where undefined."""
    return {
        "dataset": check.name,
        "root": check.root,
        "ok": not check.faults,
        "faults": _findings(check.faults),
        "warnings": _findings(check.warnings),
        "splits": _splits(check),
        "classes": _classes(check),
        "shifts": _shifts(check),
        "cooccurrence": _together(check),
        "agreement": _agreement(check),
        "files": _files(check.files),
        "texts": _texts(check.texts),
    }


def _findings(findings: Sequence[Finding]) -> list[dict[str, Any]]:
    entries = []
    for finding in findings:
        entry = {"kind": finding.kind, "text": finding.text, "items": list(finding.items)}
        entries.append(entry)
    return entries


def _splits(check: DataCheck) -> dict[str, dict[str, Any]]:
    splits = {}
    for view in check.views:
        positive = view.states > 0
        splits[view.name] = {
            "images": len(view.images),
            "labels": int(positive.sum()),
            "labels_per_image": float(positive.sum(axis=1).mean()) if view.images else None,
            "unlabelled": int((view.states == 0).all(axis=1).sum()),
            "unknown_share": float((view.states < 0).mean()) if view.images else None,
            "with_votes": len(view.votes),
        }
    return splits


def _classes(check: DataCheck) -> list[dict[str, Any]]:
    classes = []
    for c, classname in enumerate(check.classnames):
        entry: dict[str, Any] = {"class": classname, "name": check.hierarchy.names[c]}
        for split, count in check.counts.items():
            entry[split] = {
                "positive": int(count.positive[c]),
                "known": int(count.known[c]),
                "prior": float(count.prior[c]),
            }
        classes.append(entry)
    return classes


def _shifts(check: DataCheck) -> list[dict[str, Any]]:
    shifts = []
    for shift in check.shifts:
        ratios = dict(zip(check.classnames, shift.ratio.tolist(), strict=True))
        shifts.append(
            {
                "source": shift.source,
                "target": shift.target,
                "rank_correlation": shift.rank_correlation,
                "strong": [check.classnames[c] for c in shift.strong],
                "ratio": ratios,
            }
        )
    return shifts


def _together(check: DataCheck) -> dict[str, Any]:
    together = check.together
    lists = {
        "most_frequent": together.most_frequent(),
        "highest_lift": together.most_attracted(),
    }
    content: dict[str, Any] = {"split": check.main_split}
    for name, pairs in lists.items():
        entries = []
        for row, column in pairs:
            entry = {
                "classes": [check.classnames[row], check.classnames[column]],
                "images": int(together.counts[row, column]),
                "lift": float(together.lift[row, column]),
            }
            entries.append(entry)
        content[name] = entries
    return content


def _agreement(check: DataCheck) -> dict[str, Any]:
    splits = {}
    for split, agreement in check.agreement.items():
        classes = []
        for c, classname in enumerate(check.classnames):
            entry = {
                "class": classname,
                "chosen": int(agreement.chosen[c]),
                "mean_share": float(agreement.mean_share[c]),
                "unanimous": float(agreement.unanimous[c]),
            }
            if agreement.kappa is not None:
                entry["kappa"] = float(agreement.kappa[c])
            classes.append(entry)
        splits[split] = {
            "images": agreement.num_images,
            "annotators": agreement.num_annotators,
            "kappa_single": agreement.kappa_single,
            "classes": classes,
        }
    return splits


def _files(files: FileCheck | None) -> dict[str, Any] | None:
    if files is None:
        return None
    duplicates = []
    for one in files.duplicates:
        images = [{"split": place.split, "image": place.image} for place in one.places]
        entry: dict[str, Any] = {"kind": one.kind, "across": one.is_across, "images": images}
        if one.kind == "near":
            entry |= {"distance": one.distance, "correlation": one.correlation}
        duplicates.append(entry)
    shorter = sorted(files.sizes.min(axis=1).tolist())
    return {
        "files": files.num_files,
        "readable": len(files.sizes),
        "missing": len(files.missing),
        "unreadable": len(files.unreadable),
        "tiny": len(files.tiny),
        "min_side": files.min_side,
        "shorter_side": _quartiles(shorter),
        "duplicates": duplicates,
    }


def _quartiles(values: Sequence[int]) -> dict[str, int] | None:
    if not values:
        return None
    return {"min": values[0], "median": values[len(values) // 2], "max": values[-1]}


def _texts(texts: TextCheck | None) -> dict[str, Any] | None:
    if texts is None:
        return None
    too_long = {}
    for form, long_texts in texts.too_long.items():
        entries = []
        for one in long_texts:
            entry = {"class": one.classname, "tokens": one.num_tokens, "cut": one.cut}
            entries.append(entry)
        too_long[form] = entries
    return {"tokens_around": texts.around, "longest": dict(texts.longest), "too_long": too_long}
