"""Pictures that people bring: checked, turned upright, freed of what the camera wrote into them, and made small enough."""

import io
from functools import cache
from typing import Final, Literal

from PIL import Image, ImageOps, UnidentifiedImageError

from passes.problems import UnusablePicture
from passes.words import N_

LARGEST: Final = 10 * 1024 * 1024
"""Bytes that are looked at."""
MOST_PIXELS: Final = 50_000_000
"""What the largest phones photograph; a small file that says more of itself is a bomb."""
LONGEST_SIDE: Final = 1600
"""Pixels that are kept: half as many again as the widest picture on a card has (artwork.STRIP at 3×)."""
LEAST_SIDE: Final = 32
_TOO_LARGE: Final = N_("it has more than 50 megapixels")

Kind = Literal["image/png", "image/jpeg"]


def fit(data: bytes) -> tuple[Kind, bytes]:
    """A JPEG, PNG, WebP or HEIC picture as we keep it: upright, sRGB, at most 1600 pixels a side, without EXIF or any other words.

    With transparency it becomes a PNG, without a JPEG. The same bytes always give the same. Raises UnusablePicture. Takes up to
    a second: call it in a thread.
    """
    if len(data) > LARGEST:
        raise UnusablePicture(why=N_("the file is larger than 10 MB"))
    try:
        picture = _decoded(data)
    except UnusablePicture:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise UnusablePicture(why=_TOO_LARGE) from error
    except UnidentifiedImageError as error:
        raise UnusablePicture(why=N_("it is not a JPEG, PNG, WebP or HEIC picture")) from error
    except Exception as error:  # the parsers raise whatever they stumble over in broken bytes
        raise UnusablePicture(why=N_("the file is damaged")) from error
    out = io.BytesIO()
    if picture.mode == "RGBA":
        picture.save(out, "PNG", optimize=True)
        return "image/png", out.getvalue()
    picture.save(out, "JPEG", quality=88)
    return "image/jpeg", out.getvalue()


def _decoded(data: bytes) -> Image.Image:
    with Image.open(io.BytesIO(data), formats=formats()) as opened:
        width, height = opened.size  # known from the header: nothing has been decoded yet
        if width * height > MOST_PIXELS:
            raise UnusablePicture(why=_TOO_LARGE)
        if min(width, height) < LEAST_SIDE:
            raise UnusablePicture(why=N_("it is smaller than 32 pixels"))
        opened.draft("RGB", (LONGEST_SIDE, LONGEST_SIDE))  # a JPEG is decoded in half, quarter or eighth size
        picture = ImageOps.exif_transpose(opened).convert("RGBA" if opened.has_transparency_data else "RGB")
    picture.thumbnail((LONGEST_SIDE, LONGEST_SIDE), Image.Resampling.LANCZOS)
    if picture.mode == "RGBA" and picture.getchannel("A").getextrema()[0] == 255:  # noqa: PLR2004 (it only could have been transparent)
        picture = picture.convert("RGB")
    clean = Image.new(picture.mode, picture.size)  # nothing of the file comes along but what is seen
    clean.paste(picture)
    return clean


@cache
def formats() -> tuple[str, ...]:
    """The kinds of pictures that are opened, as Pillow calls them."""
    try:
        from pillow_heif import register_heif_opener  # an extra: only phones that photograph in HEIC need it
    except ImportError:
        return ("JPEG", "PNG", "WEBP")
    register_heif_opener()
    return ("JPEG", "PNG", "WEBP", "HEIF")
