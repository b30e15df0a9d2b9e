"""Reports: tables as CSV, LaTeX and HTML, figures as SVG, pages as one HTML file.

``tables`` and ``blocks`` are the parts of a page; ``page`` renders them; ``run_report`` puts the
sections of a run together.
"""
