"""The drawn pictures: their sizes, their states, and that everything on them can be seen."""

from io import BytesIO
from pathlib import Path

import pytest
from msgspec.structs import replace
from PIL import Image

from passes import artwork
from passes.artwork import DRAWN, MOST_STAMPS, STEPS, Art, Progress, progress
from passes.businesses import Brand
from passes.designs import FOLDERS, ROWS, USUAL, overfull

CUP = Brand(symbol="cup")
PALE = Brand(background="#f6efe4", foreground="#2b1d14", label="#b0512c", symbol="bag")
INVISIBLE = Brand(background="#777777", foreground="#777777", label="#787878", symbol="star")
BRANDS = [CUP, PALE, INVISIBLE, *(Brand(symbol=symbol) for symbol in ("bag", "scissors", "car", "star"))]  # type: ignore[arg-type]


def opened(png: bytes) -> Image.Image:
    assert png.startswith(b"\x89PNG")
    return Image.open(BytesIO(png))


def picture(png: bytes) -> Image.Image:
    return opened(png).convert("RGB")


@pytest.mark.parametrize("scale", artwork.SCALES)
def test_every_picture_has_apples_size(scale: artwork.Scale) -> None:
    assert opened(artwork.icon(CUP, scale)).size == (29 * scale, 29 * scale)
    assert opened(artwork.logo(CUP, scale)).size == (50 * scale, 50 * scale)
    assert opened(artwork.strip(CUP, Progress(3, 10, (10,), stamps=True), scale)).size == (375 * scale, 144 * scale)


def test_googles_pictures_have_googles_size() -> None:
    assert opened(artwork.program_logo(CUP)).size == (660, 660)
    assert opened(artwork.hero(CUP, progress("stamps", (3, 10), 7))).size == (1032, 336)


def test_nothing_of_the_programme_logo_is_lost_in_a_circle() -> None:
    logo = picture(artwork.program_logo(CUP))
    ground = logo.getpixel((0, 0))
    for x in range(0, 660, 6):
        for y in range(0, 660, 6):
            if (x - 330) ** 2 + (y - 330) ** 2 > 320**2:
                assert logo.getpixel((x, y)) == ground


def test_a_logo_lies_on_any_card() -> None:
    logo = opened(artwork.logo(CUP, 2))
    assert logo.mode == "RGBA"
    assert logo.getpixel((0, 0))[3] == 0  # type: ignore[index]


@pytest.mark.parametrize("brand", BRANDS)
def test_a_mark_can_be_told_from_its_ground_in_any_colours(brand: Brand) -> None:
    colours = {colour for count, colour in picture(artwork.icon(brand, 3)).getcolors(10000) or [] if count > 100}
    lights = [sum(colour) for colour in colours]  # type: ignore[arg-type]
    assert max(lights) - min(lights) > 150


def test_every_stamp_is_another_picture_and_the_same_stamps_are_the_same_bytes() -> None:
    def draw(count: int) -> bytes:
        artwork.sketch.cache_clear()
        return artwork.sketch(CUP, Progress(count, 3, (3,), stamps=True))

    assert len({draw(count) for count in range(4)}) == 4
    assert draw(2) == draw(2)


def test_a_ready_reward_is_celebrated() -> None:
    quiet, loud = Progress(0, 5, (5,), stamps=True), Progress(0, 5, (5,), stamps=True, ready=True)
    assert artwork.sketch(CUP, quiet) != artwork.sketch(CUP, loud)


def test_a_goal_looks_different_from_other_places() -> None:
    one, two = Progress(0, 6, (6,), stamps=True), Progress(0, 6, (3, 6), stamps=True)
    assert artwork.sketch(CUP, one) != artwork.sketch(CUP, two)


@pytest.mark.parametrize("count", range(1, MOST_STAMPS + 1))
def test_places_neither_touch_nor_leave_the_strip(count: int) -> None:
    places = list(artwork._places(count, 375, 144))
    assert len(places) == count
    for number, (x, y, size) in enumerate(places):
        assert x - size / 2 >= 4
        assert x + size / 2 <= 371
        assert y - size / 2 >= 4
        assert y + size / 2 <= 140
        assert all((x - a) ** 2 + (y - b) ** 2 >= size**2 for a, b, _ in places[:number])


def test_pictures_are_small() -> None:
    strips = [
        artwork.strip(brand, Progress(7, 12, (6, 12), stamps=True, ready=True), scale) for brand in (CUP, PALE) for scale in artwork.SCALES
    ]
    assert max(map(len, strips)) < 50_000


# --- What a strip shows of a balance ---


def test_a_small_round_of_stamps_shows_each_of_them() -> None:
    assert progress("stamps", (3, 10), 7) == Progress(7, 10, (3, 10), stamps=True)


@pytest.mark.parametrize(("unit", "goals"), [("points", (100,)), ("stamps", (MOST_STAMPS + 1,))])
def test_points_and_large_rounds_are_a_bar(unit: str, goals: tuple[int, ...]) -> None:
    assert not progress(unit, goals, 1).stamps  # type: ignore[arg-type]


def test_a_bar_has_few_states_however_large_the_round() -> None:
    assert len({progress("points", (400, 1_000_000), balance) for balance in range(0, 1_000_000, 997)}) <= STEPS + 1


@pytest.mark.parametrize("goals", [(100,), (5, 1000), (333, 667, 1000), (999, 1000), (1, 2, 3, 20)])
def test_a_bar_shows_a_goal_as_reached_exactly_when_it_is(goals: tuple[int, ...]) -> None:
    for balance in range(goals[-1]):
        shown = progress("points", goals, balance)
        assert 0 <= shown.filled < shown.places == shown.goals[-1]
        assert (shown.filled > 0) == (balance > 0) or balance < goals[0]
        unreached = [goal for goal in goals if goal > balance]
        assert not any(max(1, round(goal * STEPS / goals[-1])) <= shown.filled for goal in unreached)


def test_a_crowded_bar_can_be_drawn() -> None:
    shown = progress("points", tuple(range(10, 130, 10)), 55)
    assert opened(artwork.strip(CUP, shown, 1)).size == (375, 144)


# --- Designs, and pictures of their own ---


def photo(colour: str, size: tuple[int, int] = (60, 40), mode: str = "RGB") -> bytes:
    file = BytesIO()
    Image.new(mode, size, colour).save(file, "PNG")
    return file.getvalue()


def test_each_folder_is_in_the_list_and_looks_different_from_the_others() -> None:
    cards = Path(__file__).parents[2] / "templates" / "cards"
    assert {folder.stem for folder in cards.glob("*.pass")} == set(FOLDERS)
    shown = Progress(3, 10, (5, 10), stamps=True)
    assert len({artwork.sketch(replace(CUP, design=name), shown) for name in FOLDERS}) == len(FOLDERS)
    assert len({(folder.scene, tuple(folder.spots.items())) for folder in FOLDERS.values()}) == len(FOLDERS)


@pytest.mark.parametrize("name", FOLDERS)
def test_a_folder_has_room_for_all_that_it_puts_on_the_front(name: str) -> None:
    assert overfull(name) == {}
    assert sum(ROWS.values()) == 8
    assert set(FOLDERS[name].spots) <= set(USUAL)


def test_only_a_design_without_a_strip_has_none() -> None:
    assert [name for name in FOLDERS if not artwork.has_strip(replace(CUP, design=name))] == ["minimal"]


def test_a_stamp_of_their_own_is_what_is_stamped() -> None:
    own = Art(stamp=photo("#00ff00"))
    strip = picture(artwork.sketch(CUP, Progress(1, 2, (2,), stamps=True), own=own))
    stamped, empty = strip.getpixel((strip.width // 4, strip.height // 2)), strip.getpixel((3 * strip.width // 4, strip.height // 2))
    assert stamped[1] > 200 > stamped[0]  # type: ignore[index]
    assert empty != stamped


@pytest.mark.parametrize("colour", ["#ffffff", "#000000", "#e8d3b0", "#808080"])
def test_stamps_can_be_told_from_any_picture_behind_them(colour: str) -> None:
    strip = picture(artwork.sketch(CUP, Progress(0, 10, (10,), stamps=True), own=Art(strip=photo(colour))))
    assert artwork._contrast(strip.getpixel((2, 2)), artwork._ink(CUP)) >= 2.9  # type: ignore[arg-type]


def test_a_logo_of_their_own_is_whole_on_every_place_that_has_one() -> None:
    wide = Art(logo=photo("#ff0000", (640, 100)))
    assert opened(artwork.logo(CUP, 2, wide)).size == (320, 50)
    assert opened(artwork.icon(CUP, 2, wide)).size == (58, 58)
    assert artwork.program_logo(CUP, wide) != artwork.program_logo(CUP, DRAWN)


def test_a_strip_with_a_photograph_is_not_larger_than_a_phone_likes() -> None:
    file = BytesIO()
    Image.effect_mandelbrot((900, 600), (-2, -1.2, 1, 1.2), 100).convert("RGB").save(file, "JPEG")
    shown = Progress(7, 12, (6, 12), stamps=True, ready=True)
    assert len(artwork.strip(replace(CUP, design="photo"), shown, 3, Art(strip=file.getvalue()))) < 400_000
