"""Parts of a page: sections, and the blocks that they hold besides tables."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from markupsafe import Markup

from .tables import Column, format_value

SCORE = Column("score", digits=3, open_ends=True)


@dataclass(frozen=True)
class Text:
    """A paragraph.

    Attributes:
        text: plain text.
        mark: ``warning``, ``quiet`` or empty.
    """

    text: str
    mark: str = ""
    kind: str = field(default="text", init=False)


@dataclass(frozen=True)
class Figure:
    """A figure.

    Attributes:
        wide: SVG for windows from 700 CSS pixels on.
        narrow: SVG for smaller windows; empty: ``wide`` fits both.
        caption: a sentence or two below the figure.
        wide_note: a sentence that holds for ``wide`` alone.
        narrow_note: a sentence that holds for ``narrow`` alone.
    """

    wide: Markup
    narrow: str = ""
    caption: str = ""
    wide_note: str = ""
    narrow_note: str = ""
    kind: str = field(default="figure", init=False)


@dataclass(frozen=True)
class FigureGrid:
    """Small figures side by side, each under its own heading.

    Attributes:
        items: pairs of heading and SVG.
        caption: a sentence or two below the grid.
        size: ``small`` (many to a row) or ``medium`` (two to a row).
    """

    items: Sequence[tuple[str, Markup]]
    caption: str = ""
    size: str = "small"
    kind: str = field(default="grid", init=False)


@dataclass(frozen=True)
class Tile:
    """A headline number.

    Attributes:
        label: name of the metric.
        value: the number as text.
        interval: the interval as text; empty without one.
        picture: an SVG of value and interval; empty without an interval.
        hint: a line below.
    """

    label: str
    value: str
    interval: str = ""
    picture: str = ""
    hint: str = ""


@dataclass(frozen=True)
class Tiles:
    """A row of headline numbers."""

    tiles: Sequence[Tile]
    kind: str = field(default="tiles", init=False)


@dataclass(frozen=True)
class Shot:
    """One image with a wrong or missed class.

    Attributes:
        image: name of the image.
        picture: the image as a data URI; empty where it is not at hand.
        wrong: class that is wrong or missed.
        score: its score.
        labels: the true classes.
        votes: a line about the annotators; empty without votes.
    """

    image: str
    picture: str
    wrong: str
    score: float
    labels: Sequence[str]
    votes: str = ""

    @property
    def score_text(self) -> str:
        """The score as in tables."""
        return format_value(self.score, SCORE)


@dataclass(frozen=True)
class Shots:
    """Images with errors under a heading."""

    heading: str
    lead: str
    shots: Sequence[Shot]
    kind: str = field(default="shots", init=False)


@dataclass(frozen=True)
class Photo:
    """One image of a sheet.

    Attributes:
        image: name of the image.
        picture: the image as a data URI; empty where it is not at hand.
        lines: texts below the image.
    """

    image: str
    picture: str
    lines: Sequence[str] = ()


@dataclass(frozen=True)
class PhotoRow:
    """Images side by side under a heading, with a few words beside it."""

    heading: str
    photos: Sequence[Photo]
    note: str = ""


@dataclass(frozen=True)
class Sheet:
    """A contact sheet: rows of small images."""

    rows: Sequence[PhotoRow]
    kind: str = field(default="sheet", init=False)


@dataclass(frozen=True)
class Command:
    """A command line with a button that copies it."""

    command: str
    kind: str = field(default="command", init=False)


@dataclass(frozen=True)
class Facts:
    """Pairs of name and value.

    Attributes:
        heading: heading under which they open on demand; empty: they are always visible.
        items: name -> value.
    """

    items: Mapping[str, str]
    heading: str = ""
    kind: str = field(default="facts", init=False)


@dataclass(frozen=True)
class Section:
    """A part of the page.

    Attributes:
        anchor: unique name, the target of links.
        title: heading.
        lead: one or two sentences that say how to read the section.
        blocks: tables (``reports.tables.Table``) and the classes of this module.
        link: short title for the contents; empty: ``title``.
    """

    anchor: str
    title: str
    lead: str
    blocks: Sequence[Any]
    link: str = ""
