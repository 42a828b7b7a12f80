"""What every page brings along: the stylesheet, the business's colours, the typefaces, the icons."""

import re
from pathlib import Path

import pytest
from shop import Shop

from app.web import brand, style
from app.web.pages import POLICY

LINK = re.compile(r'(?:href|src)="(/[^"#]*)"')
CSS = Path(style.__file__).parents[1] / "static" / "css"
URL = re.compile(r'url\("?([^")]+)')


async def test_an_address_that_leads_nowhere_is_a_page_for_a_person(shop: Shop) -> None:
    async with shop.browser() as browser:
        answer = await browser.get("/nowhere", headers={"Accept": "text/html"})
        assert answer.status_code == 404
        assert answer.headers["content-security-policy"] == POLICY
        assert '<main id="main"' in answer.text
        assert "To the start page" in answer.text


@pytest.mark.parametrize(
    ("opened", "page"),
    [("/staff/01a200f7-bc9e-7068-b890-3e6f2b0df2ed/link", "/staff"), ("/account/password", "/account"), ("/language", "/")],
)
async def test_the_address_of_a_form_s_answer_leads_back_to_the_page(shop: Shop, opened: str, page: str) -> None:
    async with shop.browser() as browser:
        answer = await browser.get(opened, headers={"Accept": "text/html"})
        assert (answer.status_code, answer.headers["location"]) == (303, page)
        assert (await browser.get(opened, headers={"Accept": "application/json"})).status_code == 405


async def test_a_page_says_its_language_in_that_language(shop: Shop) -> None:
    async with shop.browser(language="vi") as browser:
        answer = await browser.get("/nowhere", headers={"Accept": "text/html"})
        assert '<html lang="vi">' in answer.text
        assert "Về trang đầu" in answer.text


async def test_everything_that_a_page_and_its_stylesheet_ask_for_is_here(shop: Shop) -> None:
    async with shop.browser() as browser:
        page = (await browser.get("/nowhere", headers={"Accept": "text/html"})).text
        wanted = [one for one in LINK.findall(page) if one.startswith(("/static", "/style", "/brand"))]
        sheet = await browser.get(next(one for one in wanted if one.startswith("/style.css")))
        assert "immutable" in sheet.headers["cache-control"]
        fonts = URL.findall(sheet.text)
        assert len(fonts) > 5
        for address in [*wanted, *fonts]:
            assert address.startswith("/"), "nothing leaves the origin"
            assert (await browser.get(address)).status_code == 200, address


async def test_no_page_has_a_style_or_a_script_of_its_own(shop: Shop) -> None:
    async with shop.browser() as browser:
        page = (await browser.get("/nowhere", headers={"Accept": "text/html"})).text
    assert not re.search(r"<style|style=|<script(?! type=\"module\" src=)|\son\w+=", page)


async def test_the_colours_of_a_business_are_readable_on_light_and_on_dark_paper_and_kept_for_good(shop: Shop) -> None:
    (business,) = await shop.desk.store.businesses()
    async with shop.browser() as browser:
        answer = await browser.get(brand.address(business))
        assert answer.headers["content-type"].startswith("text/css")
        assert "immutable" in answer.headers["cache-control"]
        assert re.fullmatch(r":root\{(--[a-z-]+:light-dark\(#[0-9a-f]{6},#[0-9a-f]{6}\);?){3}\}\n", answer.text)


@pytest.mark.parametrize("colour", ["red", "12345g", "2b1d14%7D%20body%7B", "2b1d14.css"])
async def test_what_is_no_colour_has_no_stylesheet(shop: Shop, colour: str) -> None:
    async with shop.browser() as browser:
        assert (await browser.get(f"/brand/{colour}.css")).status_code == 404


def test_every_picture_of_the_docs_is_made_by_the_command_and_shown_and_small() -> None:
    pictures = Path(__file__).parents[2] / "docs/pictures"
    command = (pictures / "make.py").read_text(encoding="utf-8")
    made = set(re.findall(r'^(?:@picture\(|    )"([\w-]+)"(?:\)$|: \("/)', command, re.MULTILINE))
    there = {path.stem for path in pictures.glob("*.png")} - {"demo"}
    assert there == made
    assert set(re.findall(r"\(([\w-]+)\.png\)", (pictures / "README.md").read_text(encoding="utf-8"))) == made
    assert [path.name for path in pictures.glob("*.png") if path.stem in made and path.stat().st_size > 120_000] == []


SHARED = {
    "trends": "insight is laid out as the trends are",
    "wc": "the web card is a part",
    "points": "the wallets' cards begin as ours does",
}
"""Why a class that one page styles by its name alone is met in another page's file."""


def test_no_page_styles_what_another_page_has_by_the_same_name() -> None:
    alone: set[str] = set()
    met: dict[str, set[str]] = {}
    for sheet in sorted(CSS.glob("[4-9]*.css")):
        for group in re.findall(r"([^{};]+)\{", re.sub(r"/\*.*?\*/", "", sheet.read_text(), flags=re.DOTALL)):
            for name in re.findall(r"\.([a-z][\w-]*)", group):
                met.setdefault(name, set()).add(sheet.name)
            alone |= set(re.findall(r"(?:^|,)\s*\.([a-z][\w-]*)\s*(?=,|$)", re.sub(r"\(.*?\)", "", group)))
    assert {name: files for name, files in met.items() if name in alone and len(files) > 1 and name not in SHARED} == {}
