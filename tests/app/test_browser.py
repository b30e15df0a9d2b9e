"""A visitor's use of the app in headless Chromium, on the width of a desktop and of a phone."""

import csv
import json

import pytest

import predict
from tests.app.conftest import command

pytestmark = pytest.mark.slow
PATIENCE = 60  # seconds
SIZES = {"desktop": (1280, 900), "phone": (390, 844)}


class Page:
    """A page in the browser, with the waits that a test needs.

    Args:
        driver: of selenium.
        address: of the app.
    """

    def __init__(self, driver, address):
        self.driver = driver
        self.address = address

    def find(self, selector):
        """Return all elements, at once."""
        return self.driver.find_elements("css selector", selector)

    def wait(self, condition):
        """Wait until a condition holds, also while elements are replaced; return its value."""
        from selenium.common.exceptions import StaleElementReferenceException
        from selenium.webdriver.support.ui import WebDriverWait

        wait = WebDriverWait(
            self.driver, PATIENCE, 0.1, ignored_exceptions=[StaleElementReferenceException]
        )
        return wait.until(lambda _: condition())

    def one(self, selector):
        """Wait for an element and return it."""
        return self.wait(lambda: self.find(selector))[0]

    def text(self, selector):
        """Return the text of the first element, empty where there is none."""
        found = self.find(selector)
        return found[0].text if found else ""

    def wait_for(self, selector, text):
        """Wait until an element has a text in it."""
        self.wait(lambda: text in self.text(selector))

    def open(self, theme="light"):
        """Open a fresh page."""
        self.driver.get_log("browser")  # reading it empties it
        self.driver.get(f"{self.address}?__theme={theme}")
        self.wait_for("#ic-result", "its intents appear here")

    def choose(self, selector, *paths):
        """Give files to an input, as its window would."""
        self.one(f"{selector} input[type=file]").send_keys("\n".join(map(str, paths)))

    def open_batch(self):
        """Go to the tab of many files."""
        self.find("button[role=tab]")[1].click()
        self.one("#ic-files input[type=file]")

    def width(self):
        """Return how far the content reaches beyond the window, in pixels."""
        return self.driver.execute_script(
            "const root = document.documentElement; return root.scrollWidth - root.clientWidth"
        )

    def errors(self):
        """Return errors of the console since the page was opened."""
        return [line["message"] for line in self.driver.get_log("browser")
                if line["level"] == "SEVERE"]  # fmt: skip

    def hosts(self):
        """Return all hosts that were asked for something."""
        found = set()
        for line in self.driver.get_log("performance"):
            event = json.loads(line["message"])["message"]
            if event["method"] == "Network.requestWillBeSent":
                url = event["params"]["request"]["url"]
                if not url.startswith(("data:", "blob:", "chrome:", "about:")):
                    found.add(url.split("/")[2])
        return found


@pytest.fixture(scope="module")
def downloads(tmp_path_factory):
    return tmp_path_factory.mktemp("app_downloads")


@pytest.fixture(scope="module")
def page(browser_tools, site, downloads, tmp_path_factory):
    """Yield a page; the browser is opened once, because that takes long."""
    from selenium import webdriver

    chromium, driver = browser_tools
    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    profile = tmp_path_factory.mktemp("app_profile")
    for flag in ("headless=new", "no-sandbox", "disable-gpu", f"user-data-dir={profile}"):
        options.add_argument(f"--{flag}")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    options.add_experimental_option("prefs", {"download.default_directory": str(downloads)})
    browser = webdriver.Chrome(options=options, service=webdriver.ChromeService(driver))
    try:
        yield Page(browser, site.address)
    finally:
        browser.quit()


def set_size(page, name):
    """Give the window the size of a device; a window itself has a least width."""
    width, height = SIZES[name]
    page.driver.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride",
        {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": name == "phone"},
    )


@pytest.mark.parametrize(("size", "theme"), [("desktop", "light"), ("phone", "dark")])
def test_a_visitor_sees_intents_marks_and_maps(page, site, predictor, pictures, size, theme):
    set_size(page, size)
    page.open(theme)
    picture = sorted(pictures.iterdir())[0]
    expected = predictor(str(picture))
    page.choose("#ic-picture", picture)
    page.one(".ic-row")
    for intent in expected.intents:
        (row,) = page.find(f".ic-row.ic-pass[data-key='{intent.key}']")
        assert f"{100 * intent.probability:.1f} %" in row.text
    assert len(page.find(".ic-pass")) == len(expected.intents)
    assert len(page.find(".ic-card")) == len(expected.groups("super"))

    page.one("#ic-threshold input[type=range]").send_keys("\ue011")  # the key Home
    page.wait_for(".ic-summary", "20 intents pass, of 20. Your threshold: score > 0")
    assert len(page.find(".ic-pass")) == 20
    page.one("#ic-reset").click()
    page.wait_for(".ic-summary", "Rule: score > 0.5 for all classes")
    assert len(page.find(".ic-pass")) == len(expected.intents)

    page.one("#ic-show").click()
    page.wait_for("#ic-maps", expected.top(3)[2].name)
    for image in page.find("#ic-maps img"):
        assert image.get_property("naturalWidth") == 64
    assert page.width() <= 0
    assert (page.errors(), page.hosts()) == ([], {f"127.0.0.1:{site.port}"})


def test_an_example_can_be_chosen(page, predictor, pictures):
    set_size(page, "desktop")
    page.open()
    names = sorted(path.name for path in pictures.iterdir())
    assert len(page.find("#ic-examples .gallery-item")) == len(names)
    page.find("#ic-examples .gallery-item")[1].click()
    best = predictor(str(pictures / names[1])).top(1)[0]
    page.wait_for("#ic-result", f"{100 * best.probability:.1f} %")
    assert best.name in page.text("#ic-result") and page.errors() == []


REFUSED = {
    "bomb.png": "cannot read bomb.png: it has too many pixels",
    "text.jpg": "cannot read text.jpg: it is damaged, or no JPEG, PNG, WebP, BMP, GIF or TIFF file",
    "truncated.jpg": "cannot read image truncated.jpg: image file is truncated",
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_refused_picture_is_one_sentence(page, odd, name):
    page.open()
    page.choose("#ic-picture", odd / name)
    page.wait_for("#ic-result .ic-error", REFUSED[name])
    assert not page.find(".ic-row") and not page.text(".toast-wrap")


def test_a_file_that_is_too_large_is_refused(page, tmp_path):
    page.open()
    (tmp_path / "large.jpg").write_bytes(bytes(25 * 2**20 + 1))
    page.choose("#ic-picture", tmp_path / "large.jpg")
    page.wait_for(".toast-wrap", "exceed the maximum allowed size of 25")


FILE = """
const [bytes, name] = arguments;
const file = new File([Uint8Array.from(bytes)], name, {type: "image/png"});
"""
DROP = """
const data = new DataTransfer();
data.items.add(file);
document.querySelector("#ic-picture button").dispatchEvent(
    new DragEvent("drop", {dataTransfer: data, bubbles: true, cancelable: true}));
"""
COPY = """
const done = arguments[arguments.length - 1];
navigator.clipboard.write([new ClipboardItem({"image/png": file})]).then(done, done);
"""


def test_a_picture_can_be_dropped(page, odd):
    page.open()
    page.driver.execute_script(FILE + DROP, list((odd / "alpha.png").read_bytes()), "dropped.png")
    page.one(".ic-row")


def test_a_picture_can_be_pasted(page, site, odd):
    permissions = {"permissions": ["clipboardReadWrite", "clipboardSanitizedWrite"]}
    origin = {"origin": site.address}
    page.driver.execute_cdp_cmd("Browser.grantPermissions", permissions | origin)
    page.open()
    content = list((odd / "alpha.png").read_bytes())
    assert page.driver.execute_async_script(FILE + COPY, content, "copied.png") is None
    page.one("#ic-picture button[aria-label='Paste from clipboard']").click()
    page.one(".ic-row")


@pytest.mark.parametrize("size", SIZES)
def test_many_files_give_a_table_and_the_csv_of_predict(
    page, pictures, odd, downloads, tmp_path, size
):
    set_size(page, size)
    page.open()
    page.open_batch()
    files = [
        *sorted(pictures.iterdir())[:3],
        odd / "cmyk.jpg",
        odd / "animated.gif",
        odd / "deep.png",
    ]
    page.choose("#ic-files", *files, odd / "bomb.png", odd / "truncated.png")
    page.wait_for("#ic-table", "6 pictures")
    table = page.text("#ic-table")
    assert "2 files could not be read" in table and "bomb.png: it has too many" in table
    assert all(path.name in table for path in files)
    assert page.width() <= 0 and page.errors() == []

    if size == "desktop":
        page.wait(lambda: page.one("#ic-csv").is_enabled())
        page.one("#ic-csv").click()
        path = page.wait(lambda: list(downloads.glob("*.csv")))[0]
        assert read_csv(path.read_text()) == read_csv(predicted(files, tmp_path / "own"))


def predicted(files, path):
    """Return what ``predict.py`` writes for the files."""
    _, _, *model = command()
    arguments = [*map(str, files), *model, "--format", "csv", "--workers", "0", "--batch-size", "8"]
    assert predict.main([*arguments, "--output", str(path)]) == 0
    return path.read_text()


def read_csv(text):
    """Return names without folders, intents, and probabilities to five places."""
    head, *rows = csv.reader(text.splitlines())
    return head, [
        [row[0].rsplit("/", 1)[-1], row[1], *(f"{float(number):.5f}" for number in row[2:])]
        for row in rows
    ]


def test_too_many_files_are_one_sentence(page, pictures, tmp_path):
    page.open()
    page.open_batch()
    content = next(pictures.iterdir()).read_bytes()
    for number in range(9):
        (tmp_path / f"{number}.jpg").write_bytes(content)
    page.choose("#ic-files", *sorted(tmp_path.iterdir()))
    page.wait_for("#ic-table .ic-error", "9 files were sent; at most 8 are accepted at a time")


def test_a_folder_leaves_other_files_out(page, pictures, tmp_path):
    page.open()
    page.open_batch()
    content = next(pictures.iterdir()).read_bytes()
    (tmp_path / "inner").mkdir()
    for name in ("b.jpg", "a.jpg", "inner/c.jpg"):
        (tmp_path / name).write_bytes(content)
    (tmp_path / "notes.txt").write_text("notes")
    inputs = page.find("input[type=file]")
    (folder,) = [one for one in inputs if one.get_property("webkitdirectory")]
    folder.send_keys(str(tmp_path))
    page.wait_for("#ic-table", "3 pictures")
    names = [cell.text for cell in page.find("#ic-table .ic-file")]
    assert names == ["a.jpg", "b.jpg", "c.jpg"] and "could not" not in page.text("#ic-table")
