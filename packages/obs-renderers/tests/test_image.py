"""Images."""

import base64
import io
import re

import numpy as np
import pytest
from PIL import Image

from obs_renderers import ImageRenderer


def embedded(html):
    mime, content = re.search(r'src="data:(.*?);base64,(.*?)"', html).groups()
    return mime, base64.b64decode(content)


def opened(html):
    return Image.open(io.BytesIO(embedded(html)[1]))


def saved(image, form, **options):
    buffer = io.BytesIO()
    image.save(buffer, format=form, **options)
    return buffer.getvalue()


JPEG = saved(Image.new("RGB", (64, 48), "teal"), "JPEG")


def test_a_jpeg_given_as_a_file_bytes_or_path_keeps_its_bytes(tmp_path):
    path = tmp_path / "a.jpg"
    path.write_bytes(JPEG)

    for source in (JPEG, io.BytesIO(JPEG), path, str(path)):
        assert embedded(ImageRenderer().to_html(source)) == ("image/jpeg", JPEG)


def test_a_pil_image_opened_from_a_jpeg_stays_a_jpeg_with_what_was_drawn_on_it():
    image = Image.open(io.BytesIO(JPEG))
    image.paste("white", (0, 0, 64, 48))
    html = ImageRenderer().to_html(image)

    assert embedded(html)[0] == "image/jpeg"
    assert opened(html).convert("RGB").getpixel((5, 5)) == (255, 255, 255)


def test_a_large_image_is_scaled_down_with_a_note():
    html = ImageRenderer(max_size=100).to_html(Image.new("RGB", (400, 300)))

    assert opened(html).size == (100, 75)
    assert "Scaled down from 400 × 300 to 100 × 75 pixels" in html


def test_nothing_is_scaled_when_max_size_is_none():
    assert opened(ImageRenderer(max_size=None).to_html(Image.new("L", (3000, 2)))).size == (3000, 2)


def test_transparency_is_kept():
    assert opened(ImageRenderer(max_size=10).to_html(Image.new("RGBA", (40, 40), (1, 2, 3, 0)))).mode == "RGBA"


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "YCbCr", "I", "F", "I;16"])
def test_images_of_every_mode_are_shown(mode):
    assert opened(ImageRenderer().to_html(Image.new(mode, (8, 6)))).size == (8, 6)


def test_a_photo_taken_upright_is_shown_upright():
    exif = Image.Exif()
    exif[0x0112] = 6
    content = saved(Image.new("RGB", (60, 40)), "JPEG", exif=exif)

    assert 'width="40" height="60"' in ImageRenderer().to_html(content)
    assert opened(ImageRenderer(max_size=30).to_html(content)).size == (20, 30)


@pytest.mark.parametrize("shape", [(5, 7), (5, 7, 1), (5, 7, 3), (5, 7, 4)])
@pytest.mark.parametrize("dtype", ["uint8", "bool", "float32", "int64", "uint16"])
def test_arrays_are_pictures(shape, dtype):
    assert opened(ImageRenderer().to_html(np.ones(shape, dtype=dtype))).size == (7, 5)


def test_floats_from_0_to_1_are_shares_of_white():
    html = ImageRenderer().to_html(np.array([[0.0, 0.5, 1.0, np.nan]]))

    assert list(opened(html).getdata()) == [0, 128, 255, 0]


def test_an_array_that_is_no_picture_is_refused():
    with pytest.raises(TypeError, match=r"numpy array of shape \(2,\)"):
        ImageRenderer().to_html(np.ones(2))


def test_matplotlib_figures_are_pictures():
    figure = pytest.importorskip("matplotlib.figure").Figure(figsize=(3, 2))

    assert embedded(ImageRenderer().to_html(figure))[0] == "image/png"


def test_bytes_that_are_no_image_are_refused():
    with pytest.raises(ValueError, match=r"these bytes is not an image that Pillow can read \(5 B\)"):
        ImageRenderer().to_html(b"hello")


def test_a_decompression_bomb_is_refused():
    with pytest.raises(ValueError, match="20,000 × 20,000 pixels, more than 300,000,000"):
        ImageRenderer().to_html(saved_header(20_000, 20_000))


def saved_header(width, height):
    """A PNG that claims to be large, as a bomb does."""
    image = Image.new("1", (1, 1))
    image.__dict__["_size"] = (width, height)
    return image


def test_a_file_opened_as_text_is_refused():
    with pytest.raises(TypeError, match="open it with mode 'rb'"):
        ImageRenderer().to_html(io.StringIO("x"))


def test_a_missing_file_is_an_error_that_names_it(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"nowhere\.png"):
        ImageRenderer().to_html(tmp_path / "nowhere.png")
