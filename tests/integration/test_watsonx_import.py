"""The tool document as watsonx Orchestrate takes it: three asynchronous tools, without a remark.

The importer is the one of the Agent Development Kit (PyPI ``ibm-watsonx-orchestrate``), in an environment of its own
beside the project's, made at the first run and kept. The import itself needs no network.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock
from pydantic import SecretStr

from service.api.options import ApiOptions
from service.api.tool_document import as_yaml, tool_document
from service.domain.payloads import Base64ToolCallback, BatchToolCallback, ObjectToolCallback

ROOT = Path(__file__).parents[2]
ADK = "ibm-watsonx-orchestrate==2.19.1"
CALLBACKS = {
    "process_image_async_b64": Base64ToolCallback,
    "process_image_async": ObjectToolCallback,
    "batch_process_images": BatchToolCallback,
}


@pytest.fixture(scope="module")
def adk() -> Path:
    """The interpreter of an environment that holds the ADK."""
    folder = ROOT / ".venv-adk"
    python, made = folder / "bin" / "python", folder / "made-for"
    with FileLock(Path(sys.prefix) / "adk.lock"):
        if not made.is_file() or made.read_text() != ADK:
            uv = shutil.which("uv", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
            assert uv is not None, "uv is needed to make the environment of the ADK"
            subprocess.run([uv, "venv", "--quiet", "--clear", "--python", sys.executable, folder], check=True)
            subprocess.run([uv, "pip", "install", "--quiet", "--python", python, ADK], check=True)
            made.write_text(ADK)
    return python


def imported(adk: Path, document: Path, home: Path) -> dict[str, Any]:
    """What the ADK makes of a document; it keeps its own configuration in a home of its own."""
    script = Path(__file__).with_name("adk_import.py")
    environment = {"PATH": os.environ["PATH"], "HOME": str(home), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run([adk, script, document], check=False, capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.parametrize("name", ["tools.yaml", "tools.json"])
def test_committed_documents_import_as_three_asynchronous_tools(adk: Path, tmp_path: Path, name: str) -> None:
    result = imported(adk, ROOT / "openapi" / name, tmp_path)

    assert result["remarks"] == []
    assert [tool["name"] for tool in result["tools"]] == list(CALLBACKS)
    for tool, model in zip(result["tools"], CALLBACKS.values(), strict=True):
        binding = tool["binding"]["openapi"]
        assert tool["is_async"] is True
        assert tool["display_name"]
        assert (binding["callback"]["callback_url"], binding["callback"]["method"]) == (
            "{$request.header.callbackUrl}",
            "POST",
        )
        assert binding["acknowledgement"]["output_schema"]["properties"].keys() == {"accepted", "job_id"}
        assert binding["servers"] == ["http://127.0.0.1:8000"]
        assert binding["security"] == []
        # The platform fills in the callback URL; a model sees the body alone.
        assert tool["input_schema"]["properties"].keys() == {"__requestBody__"}
        assert "prompt" in tool["input_schema"]["properties"]["__requestBody__"]["required"]
        # What the callback brings is what the tool gives.
        output = tool["output_schema"]["properties"]["__requestBody__"]
        assert list(output["properties"]) == list(model.model_fields)
        assert output["required"] == [field for field, info in model.model_fields.items() if info.is_required()]


def test_document_with_keys_asks_for_a_bearer_token(adk: Path, tmp_path: Path) -> None:
    options = ApiOptions(public_url="https://img.example", api_keys={SecretStr("k"): "t"})
    document = tmp_path / "tools.yaml"
    document.write_text(as_yaml(tool_document(options)))
    result = imported(adk, document, tmp_path)

    assert result["remarks"] == []
    for tool in result["tools"]:
        binding = tool["binding"]["openapi"]
        assert binding["servers"] == ["https://img.example"]
        assert [(scheme["type"], scheme["scheme"]) for scheme in binding["security"]] == [("http", "bearer")]


def test_remarks_of_the_importer_are_heard(adk: Path, tmp_path: Path) -> None:
    document = tool_document(ApiOptions())
    document["paths"]["/process-image-async"]["post"]["responses"]["200"] = {"description": "One too many."}
    (tmp_path / "tools.yaml").write_text(as_yaml(document))
    (remark,) = imported(adk, tmp_path / "tools.yaml", tmp_path)["remarks"]
    assert "multiple candidate success codes" in remark
