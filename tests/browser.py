"""A headless Chromium, driven by its own chromedriver over plain HTTP (the WebDriver protocol), and what a page did in it."""

from __future__ import annotations

import base64
import json
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.request import Request, urlopen

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome", "chrome"))), None)
DRIVER = shutil.which("chromedriver")
MISSING = " and ".join(name for name, found in (("Chromium", CHROMIUM), ("chromedriver", DRIVER)) if found is None)
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


class Browser:
    """One session. Raises `RuntimeError` with what the driver says."""

    def __init__(self, port: int, data: str) -> None:
        self.base = f"http://127.0.0.1:{port}"
        options = {"binary": CHROMIUM, "args": [*FLAGS, f"--user-data-dir={data}"]}
        wanted = {"browserName": "chrome", "goog:chromeOptions": options, "goog:loggingPrefs": {"browser": "ALL"}}
        found = self._call("POST", "/session", {"capabilities": {"alwaysMatch": wanted}})
        self.base += f"/session/{found['sessionId']}"

    def _call(self, method: str, path: str, body: dict | None = None):
        content = None if body is None else json.dumps(body).encode()
        with urlopen(Request(self.base + path, content, {"Content-Type": "application/json"}, method=method), timeout=60) as reply:
            return json.load(reply)["value"]

    def devtools(self, command: str, **parameters):
        return self._call("POST", "/goog/cdp/execute", {"cmd": command, "params": parameters})

    def look(self, width: int, dark: bool = False, grey: bool = False) -> None:
        """As a screen of that width; dark: what the reader prefers; grey: without colours."""
        self.devtools("Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1, mobile=width < 600)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.devtools("Emulation.setEmulatedMedia", features=[scheme])
        self.devtools("Emulation.setEmulatedVisionDeficiency", type="achromatopsia" if grey else "none")

    def open(self, path: Path, seconds: float = 30) -> None:
        """Until the page says that its figures are drawn, and Bokeh that nothing waits."""
        self._call("POST", "/url", {"url": path.absolute().as_uri()})
        end = time.monotonic() + seconds
        while not self.run("return document.documentElement.dataset.drawn !== undefined && Bokeh.documents.every((d) => d.is_idle)"):
            if time.monotonic() > end:
                raise RuntimeError(f"{path}: not drawn after {seconds} s: {self.console()}")
            time.sleep(0.05)

    def run(self, script: str, *arguments):
        return self._call("POST", "/execute/sync", {"script": script, "args": list(arguments)})

    def console(self) -> list[str]:
        """Everything that was written to it since it was asked last; of levels above info."""
        return [f"{entry['level']}: {entry['message']}" for entry in self._call("POST", "/se/log", {"type": "browser"}) if entry["level"] != "INFO"]

    def press(self, selector: str, *keys: str) -> None:
        """Keys on an element, as a reader who has no mouse."""
        found = self._call("POST", "/element", {"using": "css selector", "value": selector})
        self._call("POST", f"/element/{next(iter(found.values()))}/value", {"text": "".join(keys)})

    def picture(self, whole: bool = True) -> bytes:
        """PNG."""
        return base64.b64decode(self.devtools("Page.captureScreenshot", captureBeyondViewport=whole)["data"])


@contextmanager
def browser() -> Iterator[Browser]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as data:
        driver = subprocess.Popen([DRIVER, f"--port={port}"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            session = _started(port, data)
            yield session
            with suppress(OSError):
                session._call("DELETE", "")
        finally:
            driver.terminate()
            driver.wait(10)


def _started(port: int, data: str) -> Browser:
    for _ in range(100):
        with suppress(ConnectionError), socket.create_connection(("127.0.0.1", port), 1):
            break
        time.sleep(0.1)
    return Browser(port, data)
