"""Sections as one HTML file that needs nothing else: no network, no other file."""

import base64
from collections.abc import Sequence
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from .blocks import Section
from .svg import break_points
from .tables import Table, format_cell, format_value, is_missing, to_csv, to_latex

FOLDER = Path(__file__).parent


def render_page(
    *, title: str, subtitle: str, sections: Sequence[Section], kicker: str = "Evaluation"
) -> str:
    """Return the page as HTML.

    Args:
        title: heading, also the title of the window.
        subtitle: a line below the heading.
        sections: in order; the contents follow from them.
        kicker: a word or two above the heading.
    """
    environment = Environment(
        loader=PackageLoader("reports"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["csv_uri"] = _csv_uri
    environment.filters["latex_uri"] = _latex_uri
    environment.filters["soft"] = _soft
    environment.globals["format_cell"] = format_cell
    environment.globals["format_value"] = format_value
    environment.globals["is_missing"] = is_missing
    return environment.get_template("page.html.j2").render(
        title=title,
        subtitle=subtitle,
        kicker=kicker,
        sections=sections,
        style=(FOLDER / "templates" / "style.css").read_text(encoding="utf-8"),
        script=(FOLDER / "templates" / "script.js").read_text(encoding="utf-8"),
    )


def tables_of(sections: Sequence[Section]) -> list[Table]:
    """Return all tables of the sections in order."""
    tables = []
    for section in sections:
        tables += [block for block in section.blocks if isinstance(block, Table)]
    return tables


def data_uri(kind: str, content: bytes) -> str:
    """Return ``content`` as an address that holds the whole file.

    Args:
        kind: media type, such as ``image/jpeg``.
        content: the file.
    """
    return f"data:{kind};base64,{base64.b64encode(content).decode('ascii')}"


def _csv_uri(table: Table) -> str:
    # A byte order mark, because spreadsheets read CSV files without one in a local encoding.
    return data_uri("text/csv;charset=utf-8", to_csv(table).encode("utf-8-sig"))


def _latex_uri(table: Table) -> str:
    return data_uri("text/plain;charset=utf-8", to_latex(table).encode("utf-8"))


def _soft(text: str) -> Markup:
    """Return ``text`` with places inside of long words at which a line may end."""
    return Markup("<wbr>").join(break_points(text))
