"""A real browser without a network, and what a page complains of or asks for."""

import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
BROWSER = next((path for name in NAMES if (path := shutil.which(name))), None)

needs_a_browser = pytest.mark.skipif(
    BROWSER is None, reason=f"there is no browser: none of {', '.join(NAMES)} is on the PATH"
)

HOSTILE = "<img src=x onerror=\"alert('run')\">|</script><script>alert('run')</script>"
"""A name that would run a script if it were markup, and end a cell of a table."""


@contextmanager
def started() -> Iterator[Browser]:
    """A browser that runs until the block ends."""
    with sync_playwright() as playwright:
        # Chromium's own sandbox does not start for root, as whom containers run.
        browser = playwright.chromium.launch(executable_path=BROWSER, args=["--no-sandbox"])
        yield browser
        browser.close()


def opened(browser: Browser, content: str, path: Path) -> tuple[Page, list[str]]:
    """Return a page of this HTML, and the list of its messages, errors, dialogs and requests to a network."""
    path.write_text(content, encoding="utf-8")
    complaints: list[str] = []
    page = browser.new_context(offline=True).new_page()
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("dialog", lambda dialog: (complaints.append(dialog.message), dialog.dismiss()))
    page.on(
        "request",
        lambda request: complaints.append(request.url) if re.match("https?:|wss?:", request.url) else None,
    )
    page.set_viewport_size({"width": 1400, "height": 1700})
    page.goto(path.as_uri())
    return page, complaints
