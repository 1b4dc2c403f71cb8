"""A headless Chromium for the tests of the gallery."""

from __future__ import annotations

import base64
import shutil
import tempfile
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import attrs
from selenium.webdriver import Chrome, ChromeOptions
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.support.wait import WebDriverWait

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from selenium.webdriver.remote.webelement import WebElement

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
DRIVER = shutil.which("chromedriver")

MISSING = "" if CHROMIUM and DRIVER else "needs chromium and chromedriver on the PATH"
"""Why there is no browser; "" if there is one."""

DESKTOP = (1440, 1000)
PHONE = (390, 844)
LANDSCAPE = (844, 390)

_FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--hide-scrollbars",
)


@attrs.frozen
class Browser:
    """One window, and what a user does in it."""

    driver: Chrome

    def show(
        self,
        page: Path,
        size: tuple[int, int] = DESKTOP,
        *,
        dark: bool = False,
        fragment: str = "",
    ) -> None:
        """Open a page in a window of this size, in light or dark mode."""
        self.cdp(
            "Emulation.setDeviceMetricsOverride",
            width=size[0],
            height=size[1],
            deviceScaleFactor=1,
            mobile=size in {PHONE, LANDSCAPE},
        )
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.cdp("Emulation.setEmulatedMedia", features=[scheme])
        self.driver.get("about:blank")
        self.driver.get(page.resolve().as_uri() + fragment)
        self.until(lambda: self.run("return document.getElementById('count').textContent"))

    def cdp(self, command: str, **parameters: Any) -> dict[str, Any]:
        answer: dict[str, Any] = self.driver.execute_cdp_cmd(command, parameters)
        return answer

    def run(self, script: str, *arguments: Any) -> Any:
        return self.driver.execute_script(script, *arguments)

    def all(self, selector: str) -> list[WebElement]:
        return self.driver.find_elements("css selector", selector)

    def one(self, selector: str) -> WebElement:
        return self.driver.find_element("css selector", selector)

    def texts(self, selector: str) -> list[str]:
        """Return the texts of elements, shown or not; in one call, since each takes time."""
        found: list[str] = self.run(
            "return [...document.querySelectorAll(arguments[0])].map(it => it.textContent)",
            selector,
        )
        return found

    def until(self, holds: Callable[[], Any]) -> Any:
        """Wait until a condition holds."""
        return WebDriverWait(self.driver, 30, 0.05).until(lambda _: holds())

    def until_count(self, text: str) -> None:
        """Wait until the line of counts says this."""
        try:
            self.until(lambda: text in self.texts("#count")[0])
        except Exception as exc:
            raise AssertionError(f"{text!r} is not in {self.texts('#count')[0]!r}") from exc

    def press(self, *keys: str) -> None:
        ActionChains(self.driver).send_keys(*keys).perform()

    def log(self) -> list[dict[str, Any]]:
        """Return the errors of the page or its policy since the last call."""
        found: list[dict[str, Any]] = self.driver.get_log("browser")  # type: ignore[no-untyped-call]
        return found

    @property
    def focused(self) -> str:
        """The element in focus: its id, else its accessible name, else its text."""
        name: str = self.run(
            "const it = document.activeElement;"
            "return it.id || it.getAttribute('aria-label') || it.textContent.trim()"
        )
        return name

    def screenshot(self, path: Path, *, clip: tuple[int, int] | None = None) -> None:
        area = (
            {"clip": {"x": 0, "y": 0, "width": clip[0], "height": clip[1], "scale": 1}}
            if clip
            else {}
        )
        shot = self.cdp(
            "Page.captureScreenshot", format="png", captureBeyondViewport=bool(clip), **area
        )
        path.write_bytes(base64.b64decode(shot["data"]))

    def pdf(self) -> bytes:
        """Print the page."""
        printed = self.cdp(
            "Page.printToPDF", printBackground=False, paperWidth=8.27, paperHeight=11.7
        )
        return base64.b64decode(printed["data"])


@contextmanager
def browser() -> Iterator[Browser]:
    """Start a browser with a separate profile; it ends with the ``with`` statement."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        options = ChromeOptions()
        options.binary_location = CHROMIUM or ""
        for flag in (*_FLAGS, f"--user-data-dir={profile}"):
            options.add_argument(flag)
        driver = Chrome(options=options, service=Service(executable_path=DRIVER))
        try:
            yield Browser(driver)
        finally:
            driver.quit()
