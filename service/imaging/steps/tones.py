"""Steps that change colours point by point."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from PIL import Image, ImageOps, ImageStat

from service.imaging.steps.step import Step, on_colours, times

_LUMA = (0.299, 0.587, 0.114)  # ITU-R BT.601, as Pillow turns colours to grey
_SEPIA = (0.393, 0.769, 0.189, 0, 0.349, 0.686, 0.168, 0, 0.272, 0.534, 0.131, 0)  # the usual matrix
_WARMTH = 0.12  # how much more red and less blue one measure of warmth is
_CUTOFF_PERCENT = 0.5


@dataclass(frozen=True, slots=True)
class Grayscale(Step):
    """Takes all colour away."""

    said = "turned black and white"

    def apply(self, image: Image.Image) -> Image.Image:
        """Grey in three equal channels."""
        return on_colours(image, lambda colours: colours.convert("L").convert("RGB"))


@dataclass(frozen=True, slots=True)
class Sepia(Step):
    """The brown of old photographs."""

    said = "toned in sepia"

    def apply(self, image: Image.Image) -> Image.Image:
        """Grey in brown."""
        return on_colours(image, lambda colours: colours.convert("RGB", _SEPIA))


@dataclass(frozen=True, slots=True)
class Invert(Step):
    """The negative."""

    said = "inverted the colours"

    def apply(self, image: Image.Image) -> Image.Image:
        """Each channel subtracted from white."""
        return on_colours(image, ImageOps.invert)


@dataclass(frozen=True, slots=True)
class AutoLevels(Step):
    """Stretches the tones over the whole range."""

    said = "spread the tones over the whole range"

    def apply(self, image: Image.Image) -> Image.Image:
        """The darkest and lightest half percent become black and white, the hues stay."""
        return on_colours(
            image, lambda colours: ImageOps.autocontrast(colours, cutoff=_CUTOFF_PERCENT, preserve_tone=True)
        )


@dataclass(frozen=True, slots=True)
class Brightness(Step):
    """Multiplies the light; 1 changes nothing."""

    factor: float

    @property
    def said(self) -> str:
        """Brighter or darker, and by how much."""
        return f"{'brightened' if self.factor >= 1 else 'darkened'} {times(self.factor)}"

    def apply(self, image: Image.Image) -> Image.Image:
        """Every channel times the factor."""
        return _mapped(image, lambda value: value * self.factor)


@dataclass(frozen=True, slots=True)
class Contrast(Step):
    """Spreads the tones around their mean; 1 changes nothing."""

    factor: float

    @property
    def said(self) -> str:
        """Raised or lowered, and by how much."""
        return f"{'raised' if self.factor >= 1 else 'lowered'} the contrast {times(self.factor)}"

    def apply(self, image: Image.Image) -> Image.Image:
        """Distances from the mean brightness times the factor."""
        mean = ImageStat.Stat(image.convert("L")).mean[0]
        return _mapped(image, lambda value: mean + (value - mean) * self.factor)


@dataclass(frozen=True, slots=True)
class Saturation(Step):
    """Moves colours away from grey, or towards it; 1 changes nothing."""

    factor: float

    @property
    def said(self) -> str:
        """Raised or lowered, and by how much."""
        return f"{'raised' if self.factor >= 1 else 'lowered'} the saturation {times(self.factor)}"

    def apply(self, image: Image.Image) -> Image.Image:
        """Distances from the grey of the same brightness times the factor."""
        matrix: list[float] = []
        for row in range(3):
            grey = [(1 - self.factor) * share for share in _LUMA]
            grey[row] += self.factor
            matrix += [*grey, 0]
        return on_colours(image, lambda colours: colours.convert("RGB", tuple(matrix)))


@dataclass(frozen=True, slots=True)
class Warmth(Step):
    """Shifts the white balance: positive towards orange, negative towards blue; 1 is well visible."""

    amount: float

    @property
    def said(self) -> str:
        """Warmer or cooler."""
        return f"made the colours {'warmer' if self.amount >= 0 else 'cooler'}"

    def apply(self, image: Image.Image) -> Image.Image:
        """More red and less blue, or the other way round."""
        shift = _WARMTH * self.amount
        red, green, blue = 1 + shift, 1 + shift / 4, 1 - shift
        tables = [_table(lambda value, by=by: value * by) for by in (red, green, blue)]  # type: ignore[misc]
        return on_colours(image, lambda colours: colours.point([value for table in tables for value in table]))


def _mapped(image: Image.Image, change: Callable[[float], float]) -> Image.Image:
    return on_colours(image, lambda colours: colours.point(_table(change) * 3))


def _table(change: Callable[[float], float]) -> list[int]:
    return [min(255, max(0, round(change(value)))) for value in range(256)]
