"""Embed images."""

from __future__ import annotations

import base64
import io
import os
from pathlib import Path
from typing import Any

from msgspec import Struct

from obs_core.interruptions import let_pass
from obs_core.text.numbers import byte_size, precise
from obs_renderers._markup import escape, fragment
from obs_renderers._types import is_a, reject

__all__ = ["ImageRenderer"]

_TAKES = (
    "a PIL image, the path of an image file, its bytes, a binary file object, a matplotlib figure, "
    "or a numpy array of shape (height, width), (height, width, 3) or (height, width, 4)"
)
_MAX_PIXELS = 300_000_000
_AS_THEY_ARE = {
    "JPEG": "image/jpeg",
    "MPO": "image/jpeg",  # as phones write it: a JPEG that others follow, of which browsers show the first
    "PNG": "image/png",
    "GIF": "image/gif",
    "WEBP": "image/webp",
    "AVIF": "image/avif",
}
_PHOTOS = ("JPEG", "MPO")
_MOVING = ("GIF", "PNG", "WEBP", "AVIF")
_STRAIGHT = {"RGBa": "RGBA", "La": "LA"}  # alpha that the colours are multiplied by already
_LARGE = 250_000
_MANY_COLOURS = 1_500
_ORIENTATION = 0x0112


class _Embedded(Struct, frozen=True):
    """An image ready to be shown: its bytes, their type, its size in pixels, and what was done to it."""

    content: bytes
    mime: str
    size: tuple[int, int]
    note: str = ""


class ImageRenderer:
    """Embed an image in the page.

    A JPEG, PNG, GIF, WebP or AVIF given as a file or as bytes keeps its bytes; a PIL image opened from a JPEG stays
    one unless it got transparency. Anything larger than `max_size` is scaled down, and a line under the picture says
    so; only animations are not. Of several pages or frames one is shown, and the line says which. Numbers that are
    neither bytes nor shares from 0 to 1 are drawn from black to white by their range, and the line says that too.

    Args:
        max_size: Longest side in pixels, 1,600 by default; None keeps every image as large as it is.
        alt: What the image shows, for those who cannot see it.
        caption: A line under the image.

    Examples:
        >>> from PIL import Image
        >>> html = ImageRenderer(max_size=800).to_html(Image.new("RGB", (1200, 900), "teal"))
    """

    def __init__(self, max_size: int | None = 1600, *, alt: str = "", caption: str = "") -> None:
        if max_size is not None and max_size < 1:
            raise ValueError(f"max_size must be 1 or more, or None, not {max_size}")
        self._max_size = max_size
        self._alt = alt
        self._caption = caption

    def to_html(self, image_src: Any) -> str:
        """Render an image.

        Args:
            image_src: A PIL image, a path, bytes, a binary file object, a matplotlib figure or a numpy array.

        Returns:
            An HTML fragment with the image as base64.

        Raises:
            TypeError: It is none of these.
            ValueError: The bytes are no image that Pillow can read, or it has more than 300 million pixels.
            FileNotFoundError: There is no file at that path.
        """
        if is_a(image_src, "matplotlib.Figure"):
            return self._figure(_figure_png(image_src))
        if is_a(image_src, "numpy.ndarray"):
            image, note = _from_array(self, image_src)
            return self._figure(self._embed(image, None, note))
        return self._figure(self._embed(*_source(self, image_src)))

    def _embed(self, image: Any, content: bytes | None, note: str = "") -> _Embedded:
        _refuse_bomb(image.size)
        if image.format not in _AS_THEY_ARE:
            # Pillow turns a TIFF as its orientation says while it reads the pixels, and forgets the orientation then.
            image.load()
        animated = content and image.format in _MOVING and getattr(image, "is_animated", False)
        if self._max_size is None or max(image.size) <= self._max_size or animated:
            return _kept(image, content, note)
        return _scaled(image, self._max_size, note, ours=content is not None)

    def _figure(self, image: _Embedded) -> str:
        alt = self._alt or self._caption or f"Image of {image.size[0]} × {image.size[1]} pixels"
        encoded = base64.b64encode(image.content).decode("ascii")
        picture = (
            f'<img src="data:{image.mime};base64,{encoded}" alt="{escape(alt)}" '
            f'width="{image.size[0]}" height="{image.size[1]}">'
        )
        lines = [escape(line) for line in (self._caption, image.note) if line]
        caption = f"<figcaption>{'<br>'.join(lines)}</figcaption>" if lines else ""
        return fragment("image", f"<figure>{picture}{caption}</figure>", styles=("image",))


def _source(renderer: ImageRenderer, value: Any) -> tuple[Any, bytes | None]:
    """Open what was given: a PIL image, with the bytes of the file if it is one."""
    if is_a(value, "PIL.Image"):
        return value, None
    if isinstance(value, (str, os.PathLike)):
        return _open(Path(value).read_bytes(), os.fspath(value))
    if isinstance(value, (bytes, bytearray, memoryview)):
        return _open(bytes(value), "these bytes")
    if not hasattr(value, "read"):
        reject(renderer, value, _TAKES)
    return _open(_read(renderer, value), getattr(value, "name", "this file object"))


def _read(renderer: ImageRenderer, file: Any) -> bytes:
    content = file.read()
    if not isinstance(content, bytes):
        raise TypeError(f"{type(renderer).__name__} got a file opened as text; open it with mode 'rb'")
    return content


def _open(content: bytes, name: object) -> tuple[Any, bytes]:
    from PIL import Image

    try:
        return Image.open(io.BytesIO(content)), content
    except OSError:  # no kind that Pillow knows, or one whose decoder refuses it
        raise ValueError(f"{name} is not an image that Pillow can read ({byte_size(len(content))})") from None
    except Image.DecompressionBombError as error:
        raise ValueError(f"{name}: {error}") from None


def _refuse_bomb(size: tuple[int, int]) -> None:
    if size[0] * size[1] > _MAX_PIXELS:
        raise ValueError(
            f"the image has {size[0]:,} × {size[1]:,} pixels, more than {_MAX_PIXELS:,}; scale it down first"
        )


def _from_array(renderer: ImageRenderer, value: Any) -> tuple[Any, str]:
    """Draw an array, and say how if that is not plain."""
    channels = value.shape[2] if value.ndim == 3 else 1
    if value.ndim not in (2, 3) or channels not in (1, 3, 4) or 0 in value.shape or value.dtype.kind not in "buif":
        raise TypeError(
            f"{type(renderer).__name__} got a numpy array of shape {value.shape} and dtype {value.dtype}; "
            f"it takes {_TAKES}"
        )
    from PIL import Image

    pixels, note = _as_bytes(value)
    return Image.fromarray(pixels[:, :, 0] if channels == 1 and pixels.ndim == 3 else pixels), note


def _as_bytes(array: Any) -> tuple[Any, str]:
    """Bring an array to 0..255: floats in 0..1 and booleans as shares, other numbers by their range, which is said."""
    import numpy as np

    if array.dtype == np.uint8:
        return np.ascontiguousarray(array), ""
    numbers = array.astype(np.float64)
    finite = numbers[np.isfinite(numbers)]
    low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 1.0)
    said = []
    if (array.dtype.kind == "f" and low >= 0 and high <= 1) or array.dtype.kind == "b":
        low, high = 0.0, 1.0
    elif low >= 0 and high <= 255 and array.dtype.kind in "ui":
        low, high = 0.0, 255.0
    elif low < high:
        said.append(f"Values from {precise(low)} to {precise(high)} are drawn from black to white")
    else:
        said.append(f"Every value is {precise(low)}")
    if finite.size < numbers.size:
        missing, infinite = int(np.isnan(numbers).sum()), int(np.isinf(numbers).sum())
        said += [f"Missing values: {missing:,}, drawn black"] * bool(missing)
        said += [f"Infinite values: {infinite:,}, drawn like the nearest end of the range"] * bool(infinite)
    # Halves, because the range of the largest floats is beyond what a float can hold.
    shares = (np.nan_to_num(numbers, nan=low, posinf=high, neginf=low) / 2 - low / 2) / ((high / 2 - low / 2) or 1)
    return np.round(shares * 255).astype(np.uint8), ". ".join(said)


def _kept(image: Any, content: bytes | None, note: str) -> _Embedded:
    turned = _orientation(image) > 1
    if content and image.format in _AS_THEY_ARE and not (turned and image.format not in _PHOTOS):
        return _Embedded(content, _AS_THEY_ARE[image.format], _upright_size(image), note or _damage(image))
    # The pixels may have been drawn on since it was opened, so the file it came from will not do.
    return _encoded(_upright(image), _sentences(_which(image), note), photo=image.format in _PHOTOS)


def _damage(image: Any) -> str:
    """Say so if a file cannot be read to its end: browsers show what they can of it, as if it were all."""
    try:
        image.load()
    except Exception as error:
        let_pass(error)
        return "The file is damaged or cut off: what is shown, if anything, is not the whole image"
    return ""


def _sentences(*notes: str) -> str:
    return ". ".join(note for note in notes if note)


def _which(image: Any) -> str:
    """Say which of several pages or frames is shown; nothing of the second picture in a phone's file."""
    frames = getattr(image, "n_frames", 1)
    if frames < 2 or image.format == "MPO":
        return ""
    return f"{'Page' if image.format == 'TIFF' else 'Frame'} {image.tell() + 1:,} of {frames:,}"


def _orientation(image: Any) -> int:
    """Read how the camera was held, 1 to 8; 1 (as it is) where that is missing, no such number, or cannot be read."""
    try:
        orientation = image.getexif().get(_ORIENTATION, 1)
    except Exception as error:  # what cameras and editors write there is often broken; the picture is not
        let_pass(error)
        return 1
    return orientation if type(orientation) is int and 1 <= orientation <= 8 else 1


def _upright_size(image: Any) -> tuple[int, int]:
    """Give the size that a browser shows: it turns a photo as the camera was held."""
    width, height = image.size
    return (height, width) if _orientation(image) >= 5 else (width, height)


def _upright(image: Any) -> Any:
    """Turn an image as the camera was held, and forget how that was, or it would be turned twice."""
    upright = _turned(image, _orientation(image))
    upright = image.copy() if upright is image else upright
    upright.info = {key: value for key, value in image.info.items() if key == "transparency"}
    return upright


def _turned(image: Any, orientation: int) -> Any:
    from PIL.Image import Transpose

    turns = {
        2: Transpose.FLIP_LEFT_RIGHT,
        3: Transpose.ROTATE_180,
        4: Transpose.FLIP_TOP_BOTTOM,
        5: Transpose.TRANSPOSE,
        6: Transpose.ROTATE_270,
        7: Transpose.TRANSVERSE,
        8: Transpose.ROTATE_90,
    }
    return image.transpose(turns[orientation]) if orientation in turns else image


def _scaled(image: Any, limit: int, note: str, *, ours: bool) -> _Embedded:
    from PIL import Image

    full, photo, turned = _upright_size(image), image.format in _PHOTOS, _orientation(image)
    if photo and ours:  # it halves the image itself, which must not happen to one that belongs to the task
        image.draft("RGB", (limit, limit))  # lets the decoder skip detail that scaling would throw away
    share = limit / max(image.size)
    size = (max(1, round(image.width * share)), max(1, round(image.height * share)))
    plain, stretched = _plain(image)
    smaller = plain.resize(size, Image.Resampling.LANCZOS, reducing_gap=1.25)
    smaller = _turned(smaller, turned)
    scaled = f"Scaled down from {full[0]:,} × {full[1]:,} to {smaller.width:,} × {smaller.height:,} pixels"
    return _encoded(smaller, _sentences(_which(image), scaled, stretched, note), photo)


def _plain(image: Any) -> tuple[Any, str]:
    """Bring an image to grey or colour, with or without transparency, of 8 bits: what browsers show.

    Returns:
        The image, and what is to be said of how its numbers became colours.
    """
    mode = image.mode
    if mode in ("F", "I") or mode.startswith("I;"):
        return _stretched(image)
    return _in_eight_bits(image, mode), ""


def _in_eight_bits(image: Any, mode: str) -> Any:
    if mode in ("L", "RGB", "P", "1") and image.has_transparency_data:
        return image.convert("RGBA")
    if mode in ("L", "LA", "RGB", "RGBA"):
        return image
    if mode in _STRAIGHT:
        return image.convert(_STRAIGHT[mode])
    if mode == "PA":
        return image.convert("RGBA")
    if mode == "LAB":
        return _from_lab(image)
    return image.convert("L" if mode == "1" else "RGB")


def _from_lab(image: Any) -> Any:
    from PIL import ImageCms

    to_rgb = ImageCms.buildTransform(ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB"), "LAB", "RGB")
    return ImageCms.applyTransform(image, to_rgb)


def _stretched(image: Any) -> tuple[Any, str]:
    import numpy as np
    from PIL import Image

    pixels, note = _as_bytes(np.asarray(image))
    return Image.fromarray(pixels), note


def _encoded(image: Any, note: str = "", photo: bool = False) -> _Embedded:
    """Encode a photo as JPEG and anything else, or with transparency, as PNG."""
    image, stretched = _plain(image)
    note = _sentences(note, stretched)
    if image.mode in ("L", "RGB") and (photo or _looks_like_a_photo(image)):
        return _Embedded(_saved(image, "JPEG", quality=90), "image/jpeg", image.size, note)
    return _Embedded(_saved(image, "PNG"), "image/png", image.size, note)


def _looks_like_a_photo(image: Any) -> bool:
    """Guess from a few thousand pixels: a large image in which nearly each has a colour of its own."""
    if image.width * image.height < _LARGE:
        return False
    sampled = image.resize((64, 64), 0)
    return sampled.getcolors(_MANY_COLOURS if image.mode == "RGB" else 200) is None


def _saved(image: Any, form: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format=form, **options)
    return buffer.getvalue()


def _figure_png(figure: Any) -> _Embedded:
    from obs_renderers.figures import matplotlib_png

    content, size = matplotlib_png(figure)
    return _Embedded(content, "image/png", size)
