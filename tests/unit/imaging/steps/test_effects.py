from __future__ import annotations

import pytest
from PIL import Image, ImageChops, ImageFilter, ImageStat

from service.imaging.steps.effects import Blur, FewColours, Pixelate, Posterize, Sharpen, Sketch, Vignette
from service.imaging.steps.step import Length, Step
from tests.pictures.samples import in_mode, opened, photograph, scene

STEPS = [Blur(Length(0.02)), Sharpen(1), Pixelate(Length(0.05)), Posterize(4), FewColours(8), Sketch(), Vignette(1)]


def edges(image: Image.Image) -> float:
    """Energy of the edges."""
    return ImageStat.Stat(image.convert("L").filter(ImageFilter.FIND_EDGES)).rms[0]


@pytest.fixture
def cup() -> Image.Image:
    return opened(photograph())


def test_blur_takes_edges_away_the_more_the_larger_its_radius(cup: Image.Image) -> None:
    energies = [edges(Blur(Length(share)).apply(cup)) for share in (0.004, 0.01, 0.03)]
    assert edges(cup) > energies[0] > energies[1] > energies[2]


def test_a_radius_in_pixels_counts_alone(cup: Image.Image) -> None:
    assert Blur(Length(0.3, 2)).apply(cup).tobytes() == cup.filter(ImageFilter.GaussianBlur(2)).tobytes()


def test_sharpen_adds_edges(cup: Image.Image) -> None:
    assert edges(Sharpen(2).apply(cup)) > edges(Sharpen(1).apply(cup)) > 1.15 * edges(cup)


@pytest.mark.parametrize(("block", "pixels"), [(Length(0, 50), 50), (Length(0.1), 40)])
def test_blocks_have_one_colour(cup: Image.Image, block: Length, pixels: int) -> None:
    blocks = Pixelate(block).apply(cup)
    assert blocks.size == cup.size
    for left, top in ((0, 0), (pixels * 3, pixels * 2), (pixels * 5, 0)):
        assert len(blocks.crop((left, top, left + pixels, top + pixels)).getcolors()) == 1
    assert len(blocks.getcolors(1000)) > 30


def test_blocks_larger_than_the_picture() -> None:
    assert len(Pixelate(Length(0, 500)).apply(scene()).getcolors()) == 1


@pytest.mark.parametrize("levels", [2, 3, 5])
def test_posterized_to_so_many_tones(cup: Image.Image, levels: int) -> None:
    for band in Posterize(levels).apply(cup).split():
        values = [value for value, count in enumerate(band.histogram()) if count]
        assert len(values) <= levels
        assert {values[0], values[-1]} <= {round(255 * step / (levels - 1)) for step in range(levels)}


@pytest.mark.parametrize("colours", [2, 8])
def test_so_many_colours(cup: Image.Image, colours: int) -> None:
    assert 1 < len(FewColours(colours).apply(cup).getcolors()) <= colours


def test_a_sketch_is_grey_lines_on_white(cup: Image.Image) -> None:
    sketch = Sketch().apply(cup)
    red, green, blue = sketch.split()
    assert red.tobytes() == green.tobytes() == blue.tobytes()
    assert ImageStat.Stat(red).mean[0] > 200
    assert sum(red.histogram()[:150]) > 500


def test_a_vignette_darkens_corners_alone(cup: Image.Image) -> None:
    white = Image.new("RGB", cup.size, "white")
    shaded = Vignette(1).apply(white).convert("L")
    assert shaded.getpixel((300, 200)) == 255
    assert shaded.getpixel((0, 0)) < 100
    assert shaded.getpixel((300, 2)) > 100
    assert ImageStat.Stat(Vignette(0.5).apply(white).convert("L")).mean > ImageStat.Stat(shaded).mean


@pytest.mark.parametrize("step", STEPS, ids=lambda step: type(step).__name__)
@pytest.mark.parametrize("size", [(60, 40), (1, 1), (3, 200)])
def test_transparency_and_the_given_picture_stay(step: Step, size: tuple[int, int]) -> None:
    image = in_mode(scene(*size), "RGBA") if min(size) > 1 else Image.new("RGBA", size)
    before = image.tobytes()
    changed = step.apply(image)
    assert (changed.mode, changed.size) == ("RGBA", size)
    assert step.size_after(size) == size
    assert image.tobytes() == before
    if not isinstance(step, Blur | Pixelate):
        assert ImageChops.difference(changed.getchannel("A"), image.getchannel("A")).getbbox() is None


@pytest.mark.parametrize(
    ("step", "said"),
    [
        (Blur(Length(0.01)), "blurred"),
        (Blur(Length(0.01, 5)), "blurred with a radius of 5 px"),
        (Pixelate(Length(0.01)), "pixelated"),
        (Pixelate(Length(0.01, 16)), "pixelated in blocks of 16 px"),
        (Posterize(4), "posterized to 4 tones per channel"),
        (FewColours(8), "reduced to 8 colours"),
    ],
)
def test_says_what_it_does(step: Step, said: str) -> None:
    assert step.said == said
