"""What is wrong with a page as it is seen: by axe-core, at each width, in the light, and in the dark that it is switched to while it is open."""

from __future__ import annotations

from typing import TYPE_CHECKING

from axe_playwright_python.base import AXE_SCRIPT

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Page

WIDTHS = (375, 768, 1300, 1920)
_LOOK = """async only => {
  const options = { resultTypes: ["violations"], iframes: false };  // what is in a frame is a page of its own
  if (only) options.runOnly = only;
  const found = await axe.run(document, options);
  return found.violations.map(each => [each.id, each.nodes.slice(0, 3).map(node => node.html.slice(0, 200))]);
}"""
_WIDER = """() => [document.documentElement.scrollWidth,
  [...document.querySelectorAll("body *")].filter(each => each.getBoundingClientRect().right > innerWidth + 1)
    .slice(0, 3).map(each => each.outerHTML.slice(0, 120))]"""


def faults(page: Page, *, scripted: bool = True) -> Iterator[tuple[object, ...]]:
    """
    Yield what is wrong with the page that is shown.

    :param scripted: whether script runs in it, which axe is; of a report in its sandbox nothing but its width is looked at
        here, and all else by the tests of reports.

    The first theme is looked at by all rules, the other, which differs in colours alone, by those of colours.
    """
    if scripted:
        page.evaluate(AXE_SCRIPT)
    for theme, only in (("light", None), ("dark", ["color-contrast"])):
        page.emulate_media(color_scheme=theme)
        for width in WIDTHS:
            page.set_viewport_size({"width": width, "height": 900})
            wide, what = page.evaluate(_WIDER)
            if wide > width:
                yield theme, width, "wider than the window", wide, what
            if scripted:
                yield from ((theme, width, *fault) for fault in page.evaluate(_LOOK, only))
