from __future__ import annotations

import pytest
from PIL import Image, ImageChops, ImageStat

from service.imaging.steps.step import Step
from service.imaging.steps.tones import AutoLevels, Brightness, Contrast, Grayscale, Invert, Saturation, Sepia, Warmth
from tests.pictures.samples import in_mode, opened, photograph, scene

STEPS = [
    Grayscale(),
    Sepia(),
    Invert(),
    AutoLevels(),
    Brightness(1.3),
    Contrast(1.3),
    Saturation(1.5),
    Warmth(1),
]


def mean(image: Image.Image, band: int | None = None) -> float:
    return ImageStat.Stat(image.convert("L") if band is None else image.getchannel(band)).mean[0]


def spread(image: Image.Image) -> float:
    return ImageStat.Stat(image.convert("L")).stddev[0]


def saturation(image: Image.Image) -> float:
    """Mean distance between the strongest and the weakest channel."""
    red, green, blue = image.split()
    most = ImageChops.lighter(red, ImageChops.lighter(green, blue))
    least = ImageChops.darker(red, ImageChops.darker(green, blue))
    return mean(ImageChops.difference(most, least))


@pytest.fixture
def cup() -> Image.Image:
    return opened(photograph())


def test_grayscale_has_no_colour(cup: Image.Image) -> None:
    grey = Grayscale().apply(cup)
    assert saturation(grey) == 0
    assert abs(mean(grey) - mean(cup)) < 1


def test_sepia_is_brown_of_one_hue(cup: Image.Image) -> None:
    sepia = Sepia().apply(cup)
    assert mean(sepia, 0) > mean(sepia, 1) > mean(sepia, 2)
    hues = sepia.resize((60, 40)).convert("HSV").getchannel("H").histogram()
    assert sum(hues[20:45]) > 0.9 * 60 * 40


def test_inverted_twice_is_the_same(cup: Image.Image) -> None:
    assert abs(mean(Invert().apply(cup)) - (255 - mean(cup))) < 1.5
    assert Invert().apply(Invert().apply(cup)).tobytes() == cup.tobytes()


def test_levels_reach_from_black_to_white() -> None:
    dull = opened(photograph()).point(lambda value: 80 + value // 4)
    stretched = AutoLevels().apply(dull)
    assert spread(stretched) > 2.5 * spread(dull)


@pytest.mark.parametrize("factor", [0.0, 0.5, 0.9, 1.2])
def test_brightness_multiplies(cup: Image.Image, factor: float) -> None:
    assert mean(Brightness(factor).apply(cup)) == pytest.approx(mean(cup) * factor, rel=0.08, abs=1)


def test_contrast_spreads_around_the_mean(cup: Image.Image) -> None:
    lower, higher = Contrast(0.5).apply(cup), Contrast(1.4).apply(cup)
    assert spread(lower) == pytest.approx(spread(cup) / 2, rel=0.1)
    assert spread(higher) > 1.15 * spread(cup)
    assert mean(lower) == pytest.approx(mean(cup), abs=2)


def test_saturation_moves_from_grey(cup: Image.Image) -> None:
    assert saturation(Saturation(0).apply(cup)) < 1.5
    assert saturation(Saturation(0.5).apply(cup)) == pytest.approx(saturation(cup) / 2, rel=0.1)
    assert saturation(Saturation(1.5).apply(cup)) > 1.1 * saturation(cup)


def test_warm_has_more_red_and_less_blue(cup: Image.Image) -> None:
    warm, cool = Warmth(1).apply(cup), Warmth(-1).apply(cup)
    assert mean(warm, 0) > mean(cup, 0) > mean(cool, 0)
    assert mean(warm, 2) < mean(cup, 2) < mean(cool, 2)


@pytest.mark.parametrize("step", [Brightness(1), Contrast(1), Saturation(1), Warmth(0)])
def test_one_changes_nothing(step: Step, cup: Image.Image) -> None:
    assert max(ImageStat.Stat(ImageChops.difference(step.apply(cup), cup)).extrema[0]) <= 1


@pytest.mark.parametrize("step", STEPS, ids=lambda step: type(step).__name__)
def test_transparency_and_the_given_picture_stay(step: Step) -> None:
    image = in_mode(scene(), "RGBA")
    before = image.tobytes()
    changed = step.apply(image)
    assert changed.getchannel("A").tobytes() == image.getchannel("A").tobytes()
    assert image.tobytes() == before
    assert step.size_after(image.size) == changed.size


@pytest.mark.parametrize(
    ("step", "said"),
    [
        (Brightness(1.2), "brightened by 20 %"),
        (Brightness(0.5), "darkened by 50 %"),
        (Contrast(1.3), "raised the contrast by 30 %"),
        (Contrast(0.9), "lowered the contrast by 10 %"),
        (Saturation(2), "raised the saturation by 100 %"),
        (Saturation(0.25), "lowered the saturation by 75 %"),
        (Warmth(1), "made the colours warmer"),
        (Warmth(-0.4), "made the colours cooler"),
    ],
)
def test_says_what_it_does(step: Step, said: str) -> None:
    assert step.said == said
