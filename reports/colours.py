"""Colours of figures: place holders that become CSS variables, so that a page can change them."""

INK = "#010101"
MUTED = "#020202"
FAINT = "#030303"
SURFACE = "#040404"
SERIES = ("#0a0001", "#0a0002", "#0a0003", "#0a0004", "#0a0005", "#0a0006")

# Place holder -> variable of style.css. The series are the palette of Okabe and Ito (2008).
VARIABLES = {
    INK: "--ink",
    MUTED: "--muted",
    FAINT: "--faint",
    SURFACE: "--surface",
    **{colour: f"--series-{i}" for i, colour in enumerate(SERIES, 1)},
}


def series(i: int) -> str:
    """Return the colour of series ``i``; after the last one the colours repeat."""
    return SERIES[i % len(SERIES)]
