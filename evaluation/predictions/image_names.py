"""Find the images of a predictions file among those of the annotation file."""

from collections.abc import Callable, Sequence

SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".gif", ".tif", ".tiff")

Form = Callable[[str], str]


def find_images(given: Sequence[str], images: Sequence[str]) -> tuple[list[int | None], str]:
    """Return the position in ``images`` of each given name, and a note on how they were matched.

    One form of the names is used for the whole file: the first one that finds all given names, or
    else the one that finds most of them. A form that makes two images alike is not used, except the
    name as it is.

    Args:
        given: names in the file.
        images: names in the annotation file.

    Returns:
        A position or None per given name; the note is empty if the names match as they are.
    """
    best: list[int | None] = []
    best_count, best_note = -1, ""
    for note, form in _forms(images):
        positions = {form(name): i for i, name in enumerate(images)}
        if note and len(positions) < len(images):
            continue
        found = [positions.get(form(name)) for name in given]
        count = sum(position is not None for position in found)
        if count > best_count:
            best, best_count, best_note = found, count, note
        if count == len(given):
            break
    return best, best_note


def _forms(images: Sequence[str]) -> list[tuple[str, Form]]:
    """Return the forms of a name in the order in which they are tried, each with its note."""
    depth = max((len(_parts(name)) for name in images), default=1)
    forms: list[tuple[str, Form]] = [("", str)]
    for count in range(depth, 1, -1):
        note = f"Images are matched by the last {count} parts of their paths"
        forms.append((note, lambda name, count=count: "/".join(_parts(name)[-count:])))
    forms.append(("Images are matched by file name without folders", _base))
    forms.append(("Images are matched by file name without folders and suffix", _stem))
    return forms


def _parts(name: str) -> list[str]:
    """Return the parts of a path with ``/`` or, as on Windows, a backslash."""
    return [part for part in name.replace("\\", "/").split("/") if part not in ("", ".")]


def _base(name: str) -> str:
    return (_parts(name) or [""])[-1]


def _stem(name: str) -> str:
    """Return the file name without the suffix of an image; other dots belong to the name."""
    base = _base(name)
    for suffix in SUFFIXES:
        if base.lower().endswith(suffix):
            return base[: -len(suffix)]
    return base
