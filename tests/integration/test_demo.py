"""The demonstration with a model: the same command, the model's picture."""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
from pathlib import Path

import pytest
from PIL import Image

from tests.servers.openai_images import ImagesServer

ROOT = Path(__file__).parents[2]


@pytest.mark.usefixtures("unmeasured")
async def test_with_a_model_the_demo_shows_its_picture(tmp_path: Path) -> None:
    """In a copy of what it needs, so that the pictures of a developer's own demonstration stay."""
    (tmp_path / "scripts").mkdir()
    for name in ("scripts/demo.py", "scripts/sample"):
        source, target = ROOT / name, tmp_path / name
        await asyncio.to_thread(shutil.copytree if source.is_dir() else shutil.copy, source, target)
    with ImagesServer() as images:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "scripts/demo.py",
            cwd=tmp_path,
            env=os.environ | {"OPENAI_API_KEY": "sk-test", "OPENAI_BASE_URL": images.url},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        output = (await process.communicate())[0].decode()
        assert process.returncode == 0, output
        assert "signature accepted by the standardwebhooks package" in output
        assert "by openai" in output
        assert len(images.calls) == 1
    with Image.open(tmp_path / "demo-output" / "coffee_modified.png") as picture:
        picture.load()
