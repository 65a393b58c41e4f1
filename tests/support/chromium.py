"""Pytest plugin: the fixtures of Debian's Chromium."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, Request, sync_playwright

from tests.support.commands import exclusive, must_run

Visit = Callable[..., Page]


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Chromium without a window."""
    with exclusive("chromium"):
        if not shutil.which("chromium"):
            install = "apt-get install -qq --no-install-recommends chromium fonts-noto-core"
            must_run("sh", "-c", f"apt-get update -qq && {install}")
    with sync_playwright() as playwright:
        # By default it would connect to its vendor, and root has no sandbox.
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"),
            chromium_sandbox=False,
            args=["--disable-quic", "--disable-background-networking", "--disable-sync"],
        )
        yield browser
        browser.close()


@pytest.fixture
def visit(browser: Browser) -> Iterator[Visit]:
    """A function that opens a page; no page may cause an error, a message or another request."""
    problems: list[str] = []
    contexts = []

    def visit(
        file: Path, locale: str = "en", width: int = 1280, script: bool = True, **settings: Any
    ) -> Page:
        def check_request(request: Request) -> None:
            if request.url != file.as_uri():
                problems.append(request.url)

        context = browser.new_context(
            locale=locale,
            viewport={"width": width, "height": 900},
            java_script_enabled=script,
            **settings,
        )
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: problems.append(message.text))
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.on("request", check_request)
        page.goto(file.as_uri())
        return page

    yield visit
    for context in contexts:
        context.close()
    assert problems == []
