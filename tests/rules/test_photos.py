import io
import random
import struct
import threading
import time
import zlib
from collections.abc import Callable
from functools import cache
from typing import Any

import pytest
import segno
import zxingcpp
from counter_cafe import WORDS, outcome
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageChops, ImageDraw, ImageFilter, ImageOps

from passes import pictures, scan
from passes.problems import Problem, UnreadablePhoto
from passes.scan import draw_svg, read_photo

pictures.formats()  # from now on Pillow writes HEIC too

CODE = "K7QM4XRT3"
GREY = 128


def file(picture: Image.Image, kind: str = "PNG", **how: Any) -> bytes:
    out = io.BytesIO()
    picture.save(out, kind, **how)
    return out.getvalue()


def draw_png(text: str, *, scale: int = 8) -> bytes:
    """What is drawn, with so many pixels per module; 4 are the edge of legibility for a camera."""
    out = io.BytesIO()
    scan._drawn(text).save(out, kind="png", scale=scale)
    return out.getvalue()


def qr(text: str = CODE, side: int = 300) -> Image.Image:
    drawn = Image.open(io.BytesIO(draw_png(text))).convert("L")
    return drawn.resize((side, side), Image.Resampling.LANCZOS)


def barcode(format_: str, text: str) -> Image.Image:
    made = zxingcpp.create_barcode(text, zxingcpp.barcode_format_from_str(format_))
    drawn = Image.fromarray(zxingcpp.write_barcode_to_image(made, scale=1))
    return drawn.resize((drawn.width * 3, max(drawn.height * 3, 100)), Image.Resampling.NEAREST)


def noise(size: tuple[int, int], seed: int = 1) -> Image.Image:
    return Image.frombytes("L", size, random.Random(seed).randbytes(size[0] * size[1]))


@cache
def _counter(size: tuple[int, int]) -> Image.Image:
    """What lies around a phone on a counter: blots of every grey."""
    return noise((size[0] // 16, size[1] // 16)).resize(size, Image.Resampling.BICUBIC)


def photo(code: Image.Image | None = None, size: tuple[int, int] = (1200, 900), angle: float = 0) -> Image.Image:
    """A phone that shows a code, held over a counter."""
    code = code or qr()
    phone = Image.new("L", (code.width * 3 // 2, code.height * 2), 60)
    phone.paste(code, (code.width // 4, code.height // 2))
    turned = phone.rotate(angle, Image.Resampling.BICUBIC, expand=True, fillcolor=GREY)
    taken = _counter(size).copy()
    taken.paste(turned, ((size[0] - turned.width) // 2, (size[1] - turned.height) // 2))
    return taken


def noisy(picture: Image.Image, share: float) -> Image.Image:
    return Image.blend(picture, noise(picture.size), share)


def blurred(picture: Image.Image, radius: float) -> Image.Image:
    return picture.filter(ImageFilter.GaussianBlur(radius))


def pale(picture: Image.Image, low: int, high: int) -> Image.Image:
    return picture.point([low + value * (high - low) // 255 for value in range(256)])


def tilted(picture: Image.Image, by: float) -> Image.Image:
    """As seen from the side: the far edge is shorter."""
    width, height = picture.size
    corners = (-by * width, -by * height / 2, 0, height, width, height, width * (1 + by), -by * height)
    return picture.transform(picture.size, Image.Transform.QUAD, corners, Image.Resampling.BICUBIC, fillcolor=GREY)


def lit_from_one_side(picture: Image.Image) -> Image.Image:
    light = Image.linear_gradient("L").rotate(90).resize(picture.size).point([30 + value * 225 // 255 for value in range(256)])
    return ImageChops.multiply(picture, light)


def jpeg(picture: Image.Image, quality: int) -> Image.Image:
    return Image.open(io.BytesIO(file(picture, "JPEG", quality=quality)))


TAKEN: dict[str, Callable[[], Image.Image]] = {
    "straight": photo,
    "turned a little": lambda: photo(angle=7),
    "turned by 33 degrees": lambda: photo(angle=33),
    "turned by 45 degrees": lambda: photo(angle=45),
    "upside down": lambda: photo(angle=180),
    "in a mirror": lambda: ImageOps.mirror(photo(angle=12)),
    "noisy": lambda: noisy(photo(), 0.4),
    "very noisy and small": lambda: noisy(photo(qr(side=120)), 0.4),
    "out of focus": lambda: blurred(photo(), 4),
    "badly out of focus": lambda: blurred(photo(), 6),
    "small and out of focus": lambda: blurred(photo(qr(side=120)), 2),
    "in dark mode": lambda: photo(ImageOps.invert(qr())),
    "a negative, noisy": lambda: noisy(ImageOps.invert(photo()), 0.3),
    "pale": lambda: pale(photo(), 110, 140),
    "with a nearly dark screen": lambda: pale(photo(), 10, 26),
    "overexposed": lambda: pale(photo(), 232, 248),
    "from the side": lambda: tilted(photo(), 0.3),
    "lit from one side": lambda: lit_from_one_side(photo()),
    "small in a picture": lambda: photo(qr(side=45)),
    "tiny in 12 megapixels": lambda: photo(qr(side=72), size=(4032, 3024)),
    "sent at JPEG quality 20": lambda: jpeg(photo(qr(side=120)), 20),
    "sent at JPEG quality 5": lambda: jpeg(photo(), 5),
    "everything at once": lambda: jpeg(noisy(blurred(tilted(photo(angle=17), 0.15), 1.5), 0.15), 40),
}


@pytest.mark.parametrize("taken", TAKEN)
def test_a_code_is_read_from_a_photo(taken: str) -> None:
    assert read_photo(file(TAKEN[taken](), compress_level=1)) == (CODE,)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_photo_is_read_whichever_way_the_camera_was_held(orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    assert read_photo(file(photo(barcode("Code128", CODE)), "JPEG", exif=exif)) == (CODE,)


@pytest.mark.parametrize(
    ("kind", "how"), [("PNG", {}), ("JPEG", {"quality": 80}), ("WEBP", {}), ("WEBP", {"lossless": True}), ("HEIF", {})]
)
def test_every_kind_of_file_that_phones_make_is_read(kind: str, how: dict[str, Any]) -> None:
    assert read_photo(file(photo().convert("RGB"), kind, **how)) == (CODE,)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK"])
def test_every_kind_of_colour_is_read(mode: str) -> None:
    assert read_photo(file(qr().convert(mode), "JPEG" if mode == "CMYK" else "PNG")) == (CODE,)


@pytest.mark.parametrize("kind", ["PNG", "WEBP"])
def test_a_code_on_nothing_is_read_as_if_on_white(kind: str) -> None:
    drawn = Image.new("RGBA", (300, 300), (0, 0, 0, 0))
    drawn.paste((0, 0, 0, 255), mask=ImageOps.invert(qr()))
    assert read_photo(file(drawn, kind, lossless=True)) == (CODE,)


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "MPO"])
def test_of_an_animation_or_a_double_photo_the_first_picture_counts(kind: str) -> None:
    assert read_photo(file(photo().convert("RGB"), kind, save_all=True, append_images=[Image.new("RGB", (1200, 900))])) == (CODE,)


@pytest.mark.parametrize("format_", ["Code128", "PDF417", "Aztec", "QRCode"])
def test_every_barcode_that_a_card_may_show_is_read(format_: str) -> None:
    assert read_photo(file(photo(barcode(format_, "COFFEEK7QM4XRT3")))) == ("COFFEEK7QM4XRT3",)


def test_all_different_codes_in_a_picture_are_told_and_the_same_one_once() -> None:
    table = Image.new("L", (1200, 500), "white")
    for place, text in enumerate((CODE, "https://example.com/menu", CODE)):
        table.paste(qr(text), (50 + 380 * place, 100))
    assert set(read_photo(file(table))) == {CODE, "https://example.com/menu"}
    assert len(read_photo(file(table))) == 2


@pytest.mark.parametrize(
    "picture", [noise((640, 480)), Image.new("L", (1, 1)), Image.new("L", (5000, 1)), Image.new("RGB", (1600, 1200), "white")]
)
def test_a_picture_without_a_code_shows_none(picture: Image.Image) -> None:
    assert read_photo(file(picture)) == ()


def png(width: int, height: int, body: bytes) -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", body) + chunk(b"IEND", b"")


def animated_webp(side: int) -> bytes:
    """96 bytes that claim a canvas of side × side."""
    still = file(Image.new("RGB", (8, 8)), "WEBP", lossless=True)[12:]

    def u24(value: int) -> bytes:
        return struct.pack("<I", value)[:3]

    frame = u24(0) + u24(0) + u24(7) + u24(7) + u24(100) + b"\0" + still
    body = b"WEBPVP8X" + struct.pack("<I", 10) + b"\x02\0\0\0" + u24(side - 1) * 2
    body += b"ANIM" + struct.pack("<I", 6) + bytes(6) + b"ANMF" + struct.pack("<I", len(frame)) + frame
    return b"RIFF" + struct.pack("<I", len(body)) + body


BOMB = "it has more than 12 megapixels"
STRANGE = "it is not a JPEG, PNG, WebP or HEIC picture"
DAMAGED = "the file is damaged"


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
@pytest.mark.parametrize(
    ("data", "why"),
    [
        (png(60_000, 60_000, zlib.compress(bytes(10**6))), BOMB),
        (png(10_000, 10_000, b""), BOMB),
        (png(4097, 3072, b""), BOMB),
        (png(2**31 + 5, 1, b""), BOMB),
        (animated_webp(16_383), BOMB),
        (png(4096, 3072, b""), DAMAGED),
        (b"", STRANGE),
        (b"\0", STRANGE),
        (b"K7QM4XRT3", STRANGE),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", STRANGE),
        (b"%PDF-1.7\n", STRANGE),
        (b"\xff\xd8\xff\xe0" + bytes(40), STRANGE),
        (file(qr(), "GIF"), STRANGE),
        (file(qr(), "TIFF"), STRANGE),
        (file(qr(), "BMP"), STRANGE),
        (file(photo(), "JPEG")[:2000], DAMAGED),
        (file(photo())[:2000], DAMAGED),
        (file(photo(), "WEBP")[:2000], DAMAGED),
    ],
    ids=range(18),
)
def test_what_is_no_picture_of_ours_is_told_as_what_it_is(data: bytes, why: str) -> None:
    with pytest.raises(UnreadablePhoto) as refusal:
        read_photo(data)
    assert refusal.value.facts["why"] == why
    assert refusal.value.detail(WORDS, "vi", str) == f"Không đọc được mã nào trong ảnh này: {WORDS.said('vi', why)}."


SMALL = {kind: file(qr(side=120).convert("RGB"), kind) for kind in ("PNG", "JPEG", "WEBP", "HEIF")}


@given(st.sampled_from(sorted(SMALL)), st.data())
def test_a_file_damaged_anywhere_is_read_or_refused_and_never_an_accident(kind: str, data: st.DataObject) -> None:
    broken = bytearray(SMALL[kind])
    for place in data.draw(st.lists(st.integers(0, len(broken) - 1), min_size=1, max_size=5)):
        broken[place] = data.draw(st.integers(0, 255))
    read = outcome(read_photo, bytes(broken[: data.draw(st.integers(1, len(broken)))]))
    if isinstance(read, Problem):
        assert read.facts["why"] in {BOMB, STRANGE, DAMAGED}
    else:
        assert set(read) <= {CODE}


def test_a_photo_made_to_be_slow_is_bounded() -> None:
    """The corner of a QR code, thousands of times: every three of them could be one."""
    corner = Image.new("L", (9, 9), 255)
    ink = ImageDraw.Draw(corner)
    for inset, grey in ((1, 0), (2, 255), (3, 0)):
        ink.rectangle((inset, inset, 8 - inset, 8 - inset), grey)
    corner = corner.resize((18, 18), Image.Resampling.NEAREST)
    wall = Image.new("L", (1600, 1200), 255)
    for x in range(0, 1600, 18):
        for y in range(0, 1200, 18):
            wall.paste(corner, (x, y))
    started = time.thread_time()
    assert read_photo(file(wall)) == ()
    assert time.thread_time() - started < 5


def test_photos_are_read_in_several_threads_at_once() -> None:
    data, seen = file(photo(size=(2000, 1500))), []
    readers = [threading.Thread(target=lambda: seen.append(read_photo(data))) for _ in range(4)]
    for reader in readers:
        reader.start()
    for reader in readers:
        reader.join()
    assert seen == [(CODE,)] * 4


# --- Drawing ---


@pytest.mark.parametrize("text", [CODE, "COFFEEK7QM4XRT3", "https://cards.example/c/" + "x" * 40, "Xin chào ☕"])
def test_what_is_drawn_is_read_back(text: str) -> None:
    assert read_photo(draw_png(text, scale=4)) == (text,)


def test_a_drawn_code_is_an_inline_svg_of_level_m_that_fills_its_place() -> None:
    drawn = draw_svg(CODE)
    assert drawn.startswith('<svg viewBox="0 0 29 29"')
    assert "width=" not in drawn
    assert drawn == draw_svg(CODE)
    assert scan._drawn(CODE).error == "M"
    assert scan._drawn(CODE).version == segno.make_qr(CODE, error="m").version == 1
