"""Pages in a browser: nothing is cut or too wide, and no two texts of a figure overlap."""

import json
import re
import shutil
import subprocess
from html import unescape

import numpy as np
import pytest

from core.config import get_cfg_default
from datasets import build_annotations
from reports.blocks import Section
from reports.page import render_page
from reports.run_report import write_report_and_tables
from reports.tables import Table
from tests.evaluation.run_folders import make_run
from tests.reports import examples
from tools import compare_runs, evaluate_predictions

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not shutil.which("chromium"), reason="chromium is not installed"),
]

# Boxes of texts are as high as the font's tallest letter, so that neighbours may touch.
PROBE = """
<script>
const doc = document.documentElement;
const shown = (e) => e.getClientRects().length;
const scrolls = (e) => e.closest(".scroll, nav, pre");
const wide = [...document.querySelectorAll("main *")].filter(
  (e) => !scrolls(e) && shown(e) && e.getBoundingClientRect().right > innerWidth + 1
);
const cut = [], overlapping = [];
for (const svg of document.querySelectorAll("svg")) {
  const edge = svg.getBoundingClientRect();
  const texts = [...svg.querySelectorAll("text")].filter((t) => shown(t) && t.textContent.trim());
  const boxes = texts.map((t) => t.getBoundingClientRect());
  boxes.forEach((a, i) => {
    if (a.left < edge.left - 1 || a.right > edge.right + 1) cut.push(texts[i].textContent);
    boxes.slice(i + 1).forEach((b, k) => {
      const across = Math.min(a.right, b.right) - Math.max(a.left, b.left);
      const down = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
      if (across > 2 && down > 3) {
        overlapping.push(texts[i].textContent + " | " + texts[i + 1 + k].textContent);
      }
    });
  });
}
document.title = JSON.stringify({
  page: doc.scrollWidth - innerWidth, wide: wide.length, cut, overlapping,
});
</script>
"""


def long_page(folder):
    """Return the report of 80 classes with long names."""
    (folder / "pictures").mkdir()
    run = examples.long_run(folder / "pictures")
    write_report_and_tables(folder, run, examples.published())
    return folder / "report.html"


def comparison_page(folder):
    """Return the comparison of three settings with two seeds each."""
    runs = []
    for name, skill in (("base", 1.0), ("another method with a long name", 2.0), ("C", 3.0)):
        for seed in (1, 2):
            path = folder / name / f"seed{seed}"
            runs.append(str(make_run(path, skill=skill, seed=seed, trainer=f"Method{skill}")))
    flags = ["--swaps", "200", "--published", "docs/published/intentonomy.yaml"]
    assert compare_runs.main([*runs, *flags, "--output-dir", str(folder / "out")]) == 0
    return folder / "out" / "comparison.html"


def predictions_page(folder, root):
    """Return the report of scores for test alone."""
    cfg = get_cfg_default()
    cfg.DATASET.NAME, cfg.DATASET.HIERARCHY = "Intentonomy", "scenes"
    cfg.DATASET.ROOT = str(root)
    records = build_annotations(cfg, ("test",)).test
    labels = np.stack([record.label for record in records])
    scores = 0.5 * labels + 0.5 * np.random.default_rng(0).random(labels.shape)
    np.savez(folder / "test.npz", scores=scores, images=[record.name for record in records])
    arguments = ["--root", root, "--dataset-config-file", "configs/datasets/scenes.yaml"]
    arguments += ["--output-dir", folder, "TEST.BOOTSTRAP", 20]
    assert evaluate_predictions.main([str(folder / "test.npz"), *map(str, arguments)]) == 0
    return folder / "report.html"


@pytest.fixture(scope="module")
def pages(tmp_path_factory, scenes_root):
    """Return the pages by name."""
    return {
        "long": long_page(tmp_path_factory.mktemp("long")),
        "comparison": comparison_page(tmp_path_factory.mktemp("comparison")),
        "predictions": predictions_page(tmp_path_factory.mktemp("predictions"), scenes_root),
    }


def layout_of(page, tmp_path, width, theme):
    """Return what the probe finds on a page of this width."""
    html = page.read_text(encoding="utf-8").replace("</body>", f"{PROBE}</body>")
    return title_of(html, tmp_path, width, theme)


def title_of(html, tmp_path, width, theme):
    """Return the JSON that a script of the page writes into its title."""
    # Headless windows have a least width; a frame has any.
    (tmp_path / "page.html").write_text(html, encoding="utf-8")
    frame = (
        f'<iframe id="f" width="{width}" height="900" src="page.html#{theme}"></iframe>'
        "<script>f.onload = () => { document.title = 'x'; "
        "document.body.append(f.contentDocument.title) }</script>"
    )
    (tmp_path / "frame.html").write_text(f"<!doctype html><body>{frame}", encoding="utf-8")
    command = [
        "chromium", "--headless=new", "--no-sandbox", "--disable-gpu", "--dump-dom",
        "--allow-file-access-from-files", "--virtual-time-budget=20000", "--window-size=1800,1000",
        f"file://{tmp_path}/frame.html",
    ]  # fmt: skip
    dom = subprocess.run(command, capture_output=True, text=True, timeout=120).stdout
    found = re.search(r'\{"page":.*\}', dom)
    assert found, dom[-500:]
    return json.loads(unescape(found[0]))


@pytest.mark.parametrize("width", [360, 900, 1600])
@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("name", ["long", "comparison", "predictions"])
def test_no_text_is_cut_or_overlaps_another_in_a_browser(pages, tmp_path, name, theme, width):
    layout = layout_of(pages[name], tmp_path, width, theme)
    assert layout == {"page": min(layout["page"], 0), "wide": 0, "cut": [], "overlapping": []}


SORT = """
<script>
const orders = [];
for (const column of [0, 1]) {
  for (let click = 0; click < 2; click += 1) {
    document.querySelectorAll("thead th button")[column].click();
    orders.push([...document.querySelectorAll("tbody th")].map((e) => e.textContent).join(""));
  }
}
document.title = JSON.stringify({ page: 0, orders });
</script>
"""


def test_the_first_click_sorts_words_from_a_to_z_and_numbers_from_the_largest(tmp_path):
    table = Table("t", ["name", "n"], [["b", 2], ["a", 1], ["c", 10]])
    section = Section("s", "S", "", [table])
    html = render_page(title="t", subtitle="", sections=[section])
    html = html.replace("</body>", f"{SORT}</body>")
    orders = title_of(html, tmp_path, 900, "light")["orders"]
    assert orders == ["abc", "cba", "cba", "abc"]
