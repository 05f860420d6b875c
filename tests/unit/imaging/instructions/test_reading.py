from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.imaging.instructions.reading import LONGEST_PROMPT, read
from service.imaging.steps.border import Border
from service.imaging.steps.effects import Blur, FewColours, Pixelate, Posterize, Sharpen, Sketch, Vignette
from service.imaging.steps.geometry import (
    CropToRatio,
    CropToSize,
    Edge,
    Flip,
    Rotate,
    Trim,
)
from service.imaging.steps.sizing import ResizeTo, ResizeWithin, Scale
from service.imaging.steps.step import Length, Step
from service.imaging.steps.tones import AutoLevels, Brightness, Contrast, Grayscale, Invert, Saturation, Sepia, Warmth

UNDERSTOOD: list[tuple[str, tuple[Step, ...]]] = [
    # colours gone or turned
    ("black and white", (Grayscale(),)),
    ("Make it B&W!", (Grayscale(),)),
    ("make it b/w", (Grayscale(),)),
    ("Please convert this photo to grayscale.", (Grayscale(),)),
    ("greyscale", (Grayscale(),)),
    ("turn it monochrome", (Grayscale(),)),
    ("desaturate", (Grayscale(),)),
    ("remove all colour from the picture", (Grayscale(),)),
    ("without any color", (Grayscale(),)),
    ("make it gray", (Grayscale(),)),
    ("sepia", (Sepia(),)),
    ("give it a vintage look", (Sepia(),)),
    ("a vintage look in sepia", (Sepia(),)),
    ("Invert the colours", (Invert(),)),
    ("make it a negative", (Invert(),)),
    ("negative", (Invert(),)),
    ("enhance the image", (AutoLevels(),)),
    ("auto-contrast", (AutoLevels(),)),
    # light and colour
    ("brighter", (Brightness(1.35),)),
    ("brighten it a bit", (Brightness(1.15),)),
    ("make it a little bit brighter", (Brightness(1.15),)),
    ("much brighter", (Brightness(1.75),)),
    ("increase the brightness by 20%", (Brightness(1.2),)),
    ("increase the brightness of the image by 20 percent", (Brightness(1.2),)),
    ("increase the brightness to 130%", (Brightness(1.3),)),
    ("make it beautifully bright", (Brightness(1.35),)),
    ("set brightness to 120%", (Brightness(1.2),)),
    ("brightness: 80%", (Brightness(0.8),)),
    ("brightness +15%", (Brightness(1.15),)),
    ("brightness -100", (Brightness(0.0),)),
    ("twice as bright", (Brightness(2.0),)),
    ("darken it by 30%", (Brightness(0.7),)),
    ("darker", (Brightness(0.7),)),
    ("less bright", (Brightness(0.7),)),
    ("extremely dark", (Brightness(0.2),)),
    ("more contrast", (Contrast(1.35),)),
    ("contrast up", (Contrast(1.35),)),
    ("reduce contrast slightly", (Contrast(0.85),)),
    ("halve the contrast", (Contrast(0.5),)),
    ("more vivid", (Saturation(1.35),)),
    ("make the colors pop", (Saturation(1.35),)),
    ("less saturated", (Saturation(0.7),)),
    ("desaturate by 40%", (Saturation(0.6),)),
    ("desaturate slightly", (Saturation(0.85),)),
    ("warmer", (Warmth(1.0),)),
    ("cooler, please", (Warmth(-1.0),)),
    ("increase contrast and saturation by 30%", (Contrast(1.3), Saturation(1.3))),
    ("increase contrast by 10% and saturation by 15 percent", (Contrast(1.1), Saturation(1.15))),
    # effects
    ("blur", (Blur(Length(0.01)),)),
    ("blur it slightly", (Blur(Length(0.004)),)),
    ("Blur the image strongly", (Blur(Length(0.025)),)),
    ("apply a gaussian blur with a radius of 5 pixels", (Blur(Length(0.01, 5)),)),
    ("blur radius 12", (Blur(Length(0.01, 12)),)),
    ("out of focus", (Blur(Length(0.01)),)),
    ("soften it", (Blur(Length(0.004)),)),
    ("sharpen", (Sharpen(1.0),)),
    ("make it much sharper", (Sharpen(2.0),)),
    ("sharpen by 25%", (Sharpen(0.5),)),
    ("increase the sharpness", (Sharpen(1.0),)),
    ("pixelate it", (Pixelate(Length(0.03)),)),
    ("pixelate with 16 px blocks", (Pixelate(Length(0.03, 16)),)),
    ("posterize", (Posterize(4),)),
    ("posterise to 3 levels", (Posterize(3),)),
    ("posterize to 999 levels", (Posterize(64),)),
    ("reduce to 8 colours", (FewColours(8),)),
    ("posterize to 6 colors", (FewColours(6),)),
    ("pencil sketch", (Sketch(),)),
    ("make it look like a pencil drawing", (Sketch(),)),
    ("add a vignette", (Vignette(1.0),)),
    ("add a strong vignette around the edges", (Vignette(1.2),)),
    ("darken the edges", (Vignette(1.0),)),
    # turning
    ("rotate 90 degrees clockwise", (Rotate(90),)),
    ("rotate by 90° counter-clockwise", (Rotate(-90),)),
    ("rotate it ninety degrees to the left", (Rotate(-90),)),
    ("rotate left", (Rotate(-90),)),
    ("turn it to the right", (Rotate(90),)),
    ("rotate", (Rotate(90),)),
    ("rotate -45", (Rotate(-45),)),
    ("rotate 30", (Rotate(30),)),
    ("rotate clockwise by 30 degrees", (Rotate(30),)),
    ("a quarter turn to the left", (Rotate(-90),)),
    ("turn the picture upside down", (Rotate(180),)),
    ("flip it", (Flip(),)),
    ("mirror the image", (Flip(),)),
    ("flip horizontally", (Flip(),)),
    ("mirror along the vertical axis", (Flip(),)),
    ("flip vertically", (Flip(vertical=True),)),
    ("flip it upside down", (Flip(vertical=True),)),
    ("vertical flip", (Flip(vertical=True),)),
    ("flip it both horizontally and vertically", (Flip(), Flip(vertical=True))),
    # cutting
    ("crop to a square", (CropToRatio(1, 1),)),
    ("make it square", (CropToRatio(1, 1),)),
    ("crop to 16:9", (CropToRatio(16, 9),)),
    ("crop it to 4 by 3", (CropToRatio(4, 3),)),
    ("3:2 aspect ratio", (CropToRatio(3, 2),)),
    ("make it portrait format", (CropToRatio(3, 4),)),
    ("landscape crop", (CropToRatio(4, 3),)),
    ("crop to 800x600 px", (CropToSize(800, 600),)),
    ("crop 20 px off each side", (Trim(Length(0, 20), tuple(Edge)),)),
    ("cut off the bottom 10%", (Trim(Length(0.1), (Edge.BOTTOM,)),)),
    ("trim 5% off the left side", (Trim(Length(0.05), (Edge.LEFT,)),)),
    # size
    ("resize to 800x600", (ResizeTo(800, 600),)),
    ("resize to 800 by 600 pixels", (ResizeTo(800, 600),)),
    ("width 800 and height 600", (ResizeTo(800, 600),)),
    ("resize to fit within 500x400", (ResizeWithin(500, 400),)),
    ("resize the image to 640 px wide", (ResizeWithin(width=640),)),
    ("set the width to 300", (ResizeWithin(width=300),)),
    ("make it 300 pixels tall", (ResizeWithin(height=300),)),
    ("scale to 1200 px", (ResizeWithin(1200, 1200),)),
    ("make a thumbnail", (ResizeWithin(256, 256),)),
    ("thumbnail of 128 px", (ResizeWithin(128, 128),)),
    ("half the size", (Scale(0.5),)),
    ("reduce the size by half", (Scale(0.5),)),
    ("double its size", (Scale(2.0),)),
    ("make it three times as big", (Scale(3.0),)),
    ("upscale 2x", (Scale(2.0),)),
    ("resize to 50%", (Scale(0.5),)),
    ("scale by 25%", (Scale(0.25),)),
    ("30% of the original size", (Scale(0.3),)),
    ("shrink by 25%", (Scale(0.75),)),
    ("30% smaller", (Scale(0.7),)),
    ("make it smaller", (Scale(0.5),)),
    ("a bit larger", (Scale(1.25),)),
    ("enlarge by 50%", (Scale(1.5),)),
    ("upscale 9999x", (Scale(100.0),)),
    # borders
    ("add a border", (Border("white", Length(0.03)),)),
    ("add a white border of 20 px", (Border("white", Length(0.03, 20)),)),
    ("with a 20px wide black border", (Border("black", Length(0.03, 20)),)),
    ("add a thick dark blue frame", (Border("darkblue", Length(0.08)),)),
    ("a thin border in deep red", (Border("red", Length(0.012)),)),
    ("frame it in light blue, 12 px wide", (Border("lightblue", Length(0.03, 12)),)),
    ("put a 5% golden frame around the picture", (Border("gold", Length(0.05)),)),
    ("a 15px #ff8800 border", (Border("#ff8800", Length(0.03, 15)),)),
    ("a 15px #ff880 border", (Border("white", Length(0.03, 15)),)),
    # combinations
    ("high contrast black and white", (Contrast(1.35), Grayscale())),
    (
        "1. Crop to square\n2. Make it B&W\n- Add a 10px border",
        (CropToRatio(1, 1), Grayscale(), Border("white", Length(0.03, 10))),
    ),
    (
        "I'd like a much warmer, slightly brighter picture; then sharpen it & flip it.",
        (Warmth((1.75 - 1) / (1.35 - 1)), Brightness(1.15), Sharpen(1.0), Flip()),
    ),
    (
        "Could you please make the whole picture a little brighter and then rotate it to the right? Thanks!",
        (Brightness(1.15), Rotate(90)),
    ),
]  # fmt: skip


@pytest.mark.parametrize(("prompt", "steps"), UNDERSTOOD, ids=[prompt for prompt, _ in UNDERSTOOD])
def test_understands(prompt: str, steps: tuple[Step, ...]) -> None:
    instructions = read(prompt)
    assert instructions.steps == steps
    assert instructions.not_understood == ()
    assert instructions.not_possible == ()


@pytest.mark.parametrize(
    ("prompt", "steps"),
    [
        ("do not blur it", ()),
        ("don\u2019t crop it", ()),
        ("no border", ()),
        ("Make it brighter, no border", (Brightness(1.35),)),
        ("Make it brighter without blurring it", (Brightness(1.35),)),
        ("black and white instead of sepia", (Grayscale(),)),
        ("keep the colours but sharpen it", (Sharpen(1.0),)),
        ("make it darker but keep the face bright", (Brightness(0.7),)),
        ("do not crop, blur or rotate it; just make it brighter", (Brightness(1.35),)),
        ("do not crop it, make it brighter", (Brightness(1.35),)),
        ("never rotate nor flip it", ()),
        ("not too bright, but warmer", (Warmth(1.0),)),
        ("avoid blur", ()),
    ],
)
def test_what_is_negated_is_not_done(prompt: str, steps: tuple[Step, ...]) -> None:
    assert read(prompt).steps == steps
    assert read(prompt).not_understood == ()
    assert read(prompt).not_possible == ()


@pytest.mark.parametrize(
    "prompt",
    [
        "blur the background",
        "blur faces",
        "make the sky darker",
        "sharpen his eyes",
        "rotate the chair to the left",
        "make dogs blurry",
        "make the left half black and white",
        "add a blue border collie",
        "Put the bottle on a black and white marble table",
        "a photo of a black and white cat",
        "Create a watercolour painting of this scene in warm tones",
        "flip the pancake",
    ],
)
def test_parts_of_a_picture_are_left_alone_and_named(prompt: str) -> None:
    instructions = read(prompt)
    assert instructions.steps == ()
    assert len(instructions.not_possible) == 1
    assert instructions.not_understood == ()


@pytest.mark.parametrize(
    "prompt",
    [
        "Replace the background with a beach at sunset",
        "Add a mirror to the wall",
        "Make the car red",
        "Remove the person on the left",
        "remove the border",
        "Turn the day into night",
        "Make it look like a Van Gogh painting",
        'write "rotate it 90 degrees" on the shirt',
        "say “make it sepia, then flip it” in a bubble",
        "tint it purple",
        "letterbox it to 16:9",
        "Convert to PNG",
        "crop",
        "crop the person to a square",
        "resize",
        "crop to 0:5",
        "resize to 00x00",
        "crop 50% off every side",
        "scale to 0%",
        "resize to 0 px wide",
        "一枚の写真を白黒にして",
    ],
)
def test_everything_else_is_not_understood_and_named(prompt: str) -> None:
    instructions = read(prompt)
    assert instructions.steps == ()
    assert instructions.not_understood == (f"“{prompt}”",)
    assert instructions.not_possible == ()


def test_single_words_that_are_not_understood_are_named() -> None:
    instructions = read("Add a futuristic border, then make this product photo warmer for instagram")
    assert instructions.steps == (Border("white", Length(0.03)), Warmth(1.0))
    assert instructions.not_understood == (
        "“futuristic” in “Add a futuristic border”",
        "“product instagram” in “make this product photo warmer for instagram”",
    )


@pytest.mark.parametrize("prompt", ["", "  ", "please", "Thank you!", "the picture", "!!!", "."])
def test_nothing_was_asked(prompt: str) -> None:
    instructions = read(prompt)
    assert (instructions.steps, instructions.not_understood, instructions.not_possible) == ((), (), ())


def test_stories_are_read_to_a_point_and_that_is_said() -> None:
    instructions = read("sepia. " + "x" * LONGEST_PROMPT + ". flip it")
    assert instructions.steps == (Sepia(),)
    assert instructions.not_understood[-1] == "what follows the first 2,000 letters"


_WORDS = """make it the a blur rotate 90 degrees left and then , . ; not border width of 20 px % to by more x : -
brighter crop 16:9 resize 800x600 " “ ” in with color saturation contrast"""


@given(
    st.lists(
        st.sampled_from(_WORDS.split()) | st.text(max_size=6),
        max_size=60,
    )
)
def test_every_text_can_be_read(words: list[str]) -> None:
    read(" ".join(words))


_USUAL = """Please make this photograph of our garden a little brighter and sharpen it. Then crop it to 16:9, rotate it
by 90 degrees to the left and add a thin white border of 20 px. """


@pytest.mark.parametrize(
    "prompt",
    [
        "increase the contrast, " * 90,
        "a thin white 5px border of the width of " * 50,
        "flip " + "the image " * 190,
        "make it " * 250,
        "1 " * 1000,
        "blur" + " of the" * 280,
        '"' * 2000,
        "contrast and " * 150,
        "," * 2000,
    ],
)
def test_no_prompt_takes_much_longer_than_a_usual_one_of_its_length(prompt: str) -> None:
    """Patterns that look for what is not there may go over a text once for each of its words, and no more often."""

    def seconds(text: str) -> float:
        started = time.thread_time()
        read(text)
        return time.thread_time() - started

    usual = (_USUAL * 20)[:LONGEST_PROMPT]
    assert min(seconds(prompt) for _ in range(3)) < 100 * min(seconds(usual) for _ in range(3))
