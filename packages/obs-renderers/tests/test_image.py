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

    assert np.asarray(opened(html)).ravel().tolist() == [0, 128, 255, 0]


def test_an_array_that_is_no_picture_is_refused():
    with pytest.raises(TypeError, match=r"numpy array of shape \(2,\)"):
        ImageRenderer().to_html(np.ones(2))


def test_matplotlib_figures_are_pictures():
    figure = pytest.importorskip("matplotlib.figure").Figure(figsize=(3, 2))

    html = ImageRenderer().to_html(figure)
    assert embedded(html)[0] == "image/png"
    width, height = opened(html).size
    assert width > height > 100


def test_bytes_that_are_no_image_are_refused():
    with pytest.raises(ValueError, match=r"these bytes is not an image that Pillow can read \(5 B\)"):
        ImageRenderer().to_html(b"hello")


def test_a_webp_that_is_cut_off_is_refused_as_no_image():
    content = saved(NOISE, "WEBP")

    with pytest.raises(ValueError, match="these bytes is not an image that Pillow can read"):
        ImageRenderer().to_html(content[: len(content) // 2])


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


# ---- images as cameras, editors and scanners write them ---------------------------------------------------------

NOISE = Image.effect_noise((400, 300), 60).convert("RGB")


def close(image, expected, tolerance=12):
    """Tell whether two pictures look the same."""
    left, right = (np.asarray(each.convert("RGBA"), dtype=int) for each in (image, expected))
    return left.shape == right.shape and np.abs(left - right).mean() < tolerance


def test_a_jpeg_that_got_transparency_keeps_it():
    image = Image.open(io.BytesIO(saved(NOISE, "JPEG")))
    image.putalpha(128)
    html = ImageRenderer().to_html(image)

    assert embedded(html)[0] == "image/png"
    assert opened(html).getpixel((3, 3))[3] == 128


@pytest.mark.parametrize("mode", ["CMYK", "L", "YCbCr"])
def test_a_jpeg_of_another_colour_space_is_shown(mode):
    image = Image.open(io.BytesIO(saved(NOISE.convert(mode), "JPEG")))

    assert close(opened(ImageRenderer().to_html(image)), NOISE)
    assert opened(ImageRenderer(max_size=100).to_html(saved(NOISE.convert(mode), "JPEG"))).size == (100, 75)


def test_a_phones_picture_is_scaled_like_a_jpeg():
    content = saved(NOISE, "MPO", save_all=True, append_images=[NOISE.resize((40, 30))])
    html = ImageRenderer(max_size=200).to_html(content)

    assert embedded(html)[0] == "image/jpeg"
    assert opened(html).size == (200, 150)
    assert close(opened(html), NOISE.resize((200, 150)), 20)
    assert embedded(ImageRenderer().to_html(content)) == ("image/jpeg", content)


def test_of_a_tiff_of_several_pages_one_is_shown_and_said_which():
    content = saved(NOISE, "TIFF", save_all=True, append_images=[NOISE.rotate(180), Image.new("RGB", (9, 9))])
    html = ImageRenderer(max_size=100).to_html(content)
    second = Image.open(io.BytesIO(content))
    second.seek(1)

    assert opened(html).size == (100, 75)
    assert "Page 1 of 3. Scaled down from 400 × 300 to 100 × 75 pixels" in html
    assert "Page 2 of 3" in ImageRenderer().to_html(second)
    assert close(opened(ImageRenderer().to_html(second)), NOISE.rotate(180))


def test_an_animation_is_kept_and_a_frame_of_one_says_so():
    content = saved(Image.new("L", (40, 30)), "GIF", save_all=True, append_images=[Image.new("L", (40, 30), 255)])

    assert embedded(ImageRenderer(max_size=10).to_html(content)) == ("image/gif", content)
    assert "Frame 1 of 2" in ImageRenderer().to_html(Image.open(io.BytesIO(content)))


@pytest.mark.parametrize("orientation", [0, 9, 65535, "left", b"\xff", (1, 2)])
def test_an_orientation_that_is_none_is_ignored(orientation):
    image = Image.open(io.BytesIO(saved(NOISE, "JPEG")))
    image.getexif()[0x0112] = orientation

    assert opened(ImageRenderer().to_html(image)).size == (400, 300)
    assert opened(ImageRenderer(max_size=100).to_html(image)).size == (100, 75)


def test_exif_that_cannot_be_read_spoils_no_picture():
    for broken in (b"Exif\0\0II*\0\xff\xff\xff\xff", b"Exif\0\0", b"Exif\0\0MM\0*\0\0\0\x08\xff\xff" + b"\xff" * 30):
        content = saved(NOISE, "JPEG", exif=broken)
        assert embedded(ImageRenderer().to_html(content)) == ("image/jpeg", content)
        assert opened(ImageRenderer(max_size=100).to_html(content)).size == (100, 75)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_pictures_are_turned_once_as_the_camera_was_held(orientation, form):
    from PIL import ImageOps

    image = Image.new("RGB", (80, 60), "white")
    image.paste("red", (0, 0, 40, 20))
    exif = Image.Exif()
    exif[0x0112] = orientation
    content = saved(image, form, exif=exif)
    upright = ImageOps.exif_transpose(Image.open(io.BytesIO(content)))

    loaded = Image.open(io.BytesIO(content))
    loaded.load()  # turns a TIFF, and no other
    for source in (content, Image.open(io.BytesIO(content)), loaded):
        for limit in (None, 40):
            html = ImageRenderer(max_size=limit).to_html(source)
            shown = ImageOps.exif_transpose(opened(html))  # as browsers do
            assert close(shown, upright.resize(shown.size))
            assert f'width="{shown.width}" height="{shown.height}"' in html


def test_premultiplied_alpha_is_taken_apart():
    image = Image.new("RGBA", (4, 4), (200, 100, 50, 128))

    for mode in ("RGBA", "RGBa"):
        pixel = opened(ImageRenderer().to_html(image.convert(mode))).getpixel((0, 0))
        assert np.allclose(pixel, (200, 100, 50, 128), atol=2)
    assert opened(ImageRenderer().to_html(Image.new("LA", (4, 4), (100, 128)).convert("La"))).mode == "LA"


@pytest.mark.parametrize("mode", ["PA", "HSV", "LAB", "RGBX", "I;16B", "I;16L"])
def test_images_of_rare_modes_are_shown(mode):
    assert opened(ImageRenderer().to_html(Image.new(mode, (8, 6)))).size == (8, 6)


def test_a_colour_that_stands_for_transparent_stays_so():
    image = Image.new("RGB", (400, 300), "white")
    content = saved(image, "PNG", transparency=(255, 255, 255))

    assert opened(ImageRenderer(max_size=100).to_html(content)).convert("RGBA").getpixel((0, 0))[3] == 0


def test_the_image_of_a_task_is_as_large_after_it_was_shown():
    image = Image.open(io.BytesIO(saved(Image.new("RGB", (800, 800), "teal"), "JPEG")))
    html = ImageRenderer(max_size=100).to_html(image)

    assert opened(html).size == (100, 100)
    assert image.size == (800, 800)


@pytest.mark.parametrize("form", ["JPEG", "PNG", "GIF"])
def test_a_file_that_is_cut_off_says_so(form):
    content = saved(NOISE, form)
    html = ImageRenderer().to_html(content[: len(content) // 2])

    assert embedded(html)[1] == content[: len(content) // 2]
    assert "The file is damaged or cut off" in html
    assert "<figcaption>" not in ImageRenderer().to_html(content)


@pytest.mark.parametrize(
    ("array", "pixels", "note"),
    [
        (np.array([[-1.0, 0.5, 2.0]]), [0, 128, 255], "Values from -1 to 2 are drawn from black to white"),
        (np.array([[0, 1000, 4000]], "uint16"), [0, 64, 255], "Values from 0 to 4000 are drawn from black to white"),
        (np.array([[0.0, 1.0, np.inf, -np.inf]]), [0, 255, 255, 0], "Infinite values: 2"),
        (np.array([[0.0, 1.0, np.nan]]), [0, 255, 0], "Missing values: 1, drawn black"),
        (np.array([[-1e308, 0.0, 1e308]]), [0, 128, 255], "Values from -1e+308 to 1e+308"),
        (np.array([[np.nan, np.inf]]), [0, 255], "Infinite values: 1"),
        (np.array([[7.0, 7.0]]), [0, 0], "Every value is 7"),
    ],
)
def test_numbers_that_are_no_colours_say_how_they_became_some(array, pixels, note):
    html = ImageRenderer().to_html(array)

    assert np.asarray(opened(html)).ravel().tolist() == pixels
    assert note in html


@pytest.mark.parametrize(
    ("array", "pixels"),
    [
        (np.array([[0.0, 1.0]]), [[0, 255]]),
        (np.array([[0, 255]]), [[0, 255]]),
        (np.array([[True, False]]), [[255, 0]]),
    ],
)
def test_numbers_that_are_colours_need_no_words(array, pixels):
    html = ImageRenderer().to_html(array)

    assert np.asarray(opened(html)).tolist() == pixels
    assert "<figcaption>" not in html


def test_an_image_of_sixteen_bits_says_that_it_is_stretched():
    image = Image.fromarray(np.arange(12_000, dtype="uint16").reshape(100, 120))

    for renderer in (ImageRenderer(), ImageRenderer(max_size=50)):
        assert "Values from 0 to 11,999 are drawn from black to white" in renderer.to_html(image)
