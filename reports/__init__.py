"""Reports: tables as CSV, LaTeX and HTML, figures as SVG, pages as one HTML file.

``tables`` and ``blocks`` are the parts of a page; ``page`` renders them; ``run_report`` puts the
sections of a run together.
"""

from .blocks import Command, Facts, Figure, FigureGrid, Section, Text, Tile, Tiles
from .page import render_page, tables_of, write_page
from .run_report import write_report, write_tables
from .tables import Cell, Column, Row, Table, to_csv, to_latex, write_table

__all__ = [
    "Cell",
    "Column",
    "Command",
    "Facts",
    "Figure",
    "FigureGrid",
    "Row",
    "Section",
    "Table",
    "Text",
    "Tile",
    "Tiles",
    "render_page",
    "tables_of",
    "to_csv",
    "to_latex",
    "write_page",
    "write_report",
    "write_table",
    "write_tables",
]
