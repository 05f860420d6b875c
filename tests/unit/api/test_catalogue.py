"""Operations, providers and storage."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import httpx

from service.domain.operations import OPERATIONS, EditParameters
from service.ports.provider import Capabilities
from tests.unit.api.conftest import Ask
from tests.unit.api.world import LOCAL


async def test_operations_come_from_the_declaration(client: httpx.AsyncClient) -> None:
    shown = (await client.get("/api/v1/operations")).json()["data"]
    assert [one["name"] for one in shown] == list(OPERATIONS)
    edit = next(one for one in shown if one["name"] == "edit")
    assert edit["parameters"]["properties"].keys() == EditParameters.model_fields.keys()
    assert (edit["sources"], edit["outputs"], edit["takes_mask"]) == (1, 1, True)


async def test_example_of_every_operation_is_accepted(client: httpx.AsyncClient) -> None:
    for operation in (await client.get("/api/v1/operations")).json()["data"]:
        assert (await client.post("/api/v1/jobs", json=operation["example"])).status_code == 202


async def test_providers(ask: Ask) -> None:
    masking = replace(LOCAL, paid=True, models=("a", "b"), mask_max_bytes=1000)

    async def states() -> Sequence[tuple[str, Capabilities, Mapping[str, Any]]]:
        return [("local", LOCAL, {}), ("openai", masking, {"circuit": "open"})]

    client = ask(providers=states)
    local, paid = (await client.get("/api/v1/providers")).json()["data"]
    assert local == {
        "name": "local",
        "operations": ["edit"],
        "models": [],
        "parameters": {"edit": ["output_format", "size"]},
        "formats": ["jpeg", "png"],
        "paid": False,
        "takes_mask": False,
        "state": {},
    }
    assert (paid["models"], paid["paid"], paid["takes_mask"]) == (["a", "b"], True, True)
    assert paid["state"] == {"circuit": "open"}


async def test_storage_in_the_predecessors_words(client: httpx.AsyncClient) -> None:
    assert (await client.get("/cos/config")).json() == {
        "storage": "cos",
        "endpoint": "https://s3.example",
        "region": "eu-de",
        "input_bucket": "in",
        "output_bucket": "out",
        "input_prefix": "",
        "output_prefix": "results",
        "presign_expires": 900,
    }
