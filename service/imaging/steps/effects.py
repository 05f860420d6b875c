"""Steps that look at a pixel's neighbours, or at where in the picture it is."""

from __future__ import annotations

from dataclasses import dataclass

from PIL import Image, ImageChops, ImageFilter, ImageOps

from service.imaging.steps.step import Length, Step, on_colours

_SHARPEN_RADIUS = Length(share=0.0025)
_SHARPEN_PERCENT = 130
_PENCIL_RADIUS = Length(share=0.012)
_PENCIL_STRENGTH = 3.0
_VIGNETTE_BEGINS = 90  # of 255 from the middle to the nearer edge
_VIGNETTE_DARKEST = 190


@dataclass(frozen=True, slots=True)
class Blur(Step):
    """Gaussian blur."""

    radius: Length

    @property
    def said(self) -> str:
        """With its radius where that was given."""
        return "blurred" if self.radius.pixels is None else f"blurred with a radius of {self.radius.pixels:g} px"

    def apply(self, image: Image.Image) -> Image.Image:
        """Transparency is blurred with the colours, or their edges would show."""
        return image.filter(ImageFilter.GaussianBlur(max(0.5, self.radius.of(image.size))))


@dataclass(frozen=True, slots=True)
class Sharpen(Step):
    """Unsharp mask; 1 is well visible."""

    strength: float

    said = "sharpened"

    def apply(self, image: Image.Image) -> Image.Image:
        """A radius that fits the size, so that large pictures change visibly too."""
        radius = max(1.0, _SHARPEN_RADIUS.of(image.size))
        sharpening = ImageFilter.UnsharpMask(radius, percent=round(_SHARPEN_PERCENT * self.strength), threshold=2)
        return on_colours(image, lambda colours: colours.filter(sharpening))


@dataclass(frozen=True, slots=True)
class Pixelate(Step):
    """Large square blocks of one colour."""

    block: Length

    @property
    def said(self) -> str:
        """With the size of the blocks where that was given."""
        return "pixelated" if self.block.pixels is None else f"pixelated in blocks of {self.block.pixels:g} px"

    def apply(self, image: Image.Image) -> Image.Image:
        """Each block has the mean colour of what it covers."""
        block = min(max(2, round(self.block.of(image.size))), max(image.size))
        small = image.reduce(block)
        large = small.resize((small.width * block, small.height * block), Image.Resampling.NEAREST)
        return large.crop((0, 0, *image.size))


@dataclass(frozen=True, slots=True)
class Posterize(Step):
    """Few tones in each channel."""

    levels: int

    @property
    def said(self) -> str:
        """With the number of tones."""
        return f"posterized to {self.levels} tones per channel"

    def apply(self, image: Image.Image) -> Image.Image:
        """Each channel rounded to the nearest of evenly spaced tones."""
        steps = self.levels - 1
        table = [round(round(value / 255 * steps) * 255 / steps) for value in range(256)]
        return on_colours(image, lambda colours: colours.point(table * 3))


@dataclass(frozen=True, slots=True)
class FewColours(Step):
    """So many colours in all, the ones that fit best."""

    colours: int

    @property
    def said(self) -> str:
        """With their number."""
        return f"reduced to {self.colours} colours"

    def apply(self, image: Image.Image) -> Image.Image:
        """Median cut, without dithering."""
        return on_colours(
            image, lambda colours: colours.quantize(self.colours, dither=Image.Dither.NONE).convert("RGB")
        )


@dataclass(frozen=True, slots=True)
class Sketch(Step):
    """A pencil drawing."""

    said = "drawn as a pencil sketch"

    def apply(self, image: Image.Image) -> Image.Image:
        """Dark where a pixel is darker than its surroundings, white elsewhere."""

        def draw(colours: Image.Image) -> Image.Image:
            grey = ImageOps.grayscale(colours)
            around = grey.filter(ImageFilter.GaussianBlur(max(1.0, _PENCIL_RADIUS.of(image.size))))
            return ImageChops.subtract(grey, around, scale=1 / _PENCIL_STRENGTH, offset=255).convert("RGB")

        return on_colours(image, draw)


@dataclass(frozen=True, slots=True)
class Vignette(Step):
    """Darkens towards the corners; 1 is well visible."""

    strength: float

    said = "darkened towards the corners"

    def apply(self, image: Image.Image) -> Image.Image:
        """An ellipse of the picture's proportions stays as it is."""
        reach = 255 - _VIGNETTE_BEGINS
        darkness = min(255.0, _VIGNETTE_DARKEST * self.strength)
        table = [max(0, round((value - _VIGNETTE_BEGINS) / reach * darkness)) for value in range(256)]
        shade = Image.radial_gradient("L").point(table).resize(image.size, Image.Resampling.BILINEAR)

        def darken(colours: Image.Image) -> Image.Image:
            darkened = colours.copy()
            darkened.paste("black", mask=shade)
            return darkened

        return on_colours(image, darken)
