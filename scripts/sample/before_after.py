"""Makes before-after.jpeg, the picture in README.md: the sample beside what `scripts/demo` made of it.

Run ``scripts/demo`` first, then ``.venv/bin/python scripts/sample/before_after.py``.
"""

from __future__ import annotations

import sys
from pathlib import Path

from PIL import Image

SAMPLES = Path(__file__).parent
DEMO_OUTPUT = SAMPLES.parents[1] / "demo-output"
HEIGHT_PIXELS = 320
GAP_PIXELS = 8


def main(target: Path) -> None:
    """Write both pictures side by side, at the same height."""
    before = _scaled(SAMPLES / "coffee.jpg")
    after = _scaled(DEMO_OUTPUT / "coffee_modified.png")
    both = Image.new("RGB", (before.width + GAP_PIXELS + after.width, HEIGHT_PIXELS), "white")
    both.paste(before, (0, 0))
    both.paste(after, (before.width + GAP_PIXELS, 0))
    both.save(target, quality=85, optimize=True, progressive=True)


def _scaled(path: Path) -> Image.Image:
    with Image.open(path) as picture:
        width = round(picture.width * HEIGHT_PIXELS / picture.height)
        return picture.convert("RGB").resize((width, HEIGHT_PIXELS), Image.Resampling.LANCZOS)


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else SAMPLES / "before-after.jpeg")
