"""Runs inside the environment of the watsonx Orchestrate ADK: imports tool documents, prints what came of it."""

from __future__ import annotations

import asyncio
import json
import logging
import sys
import warnings

from ibm_watsonx_orchestrate.agent_builder.tools.openapi_tool import create_openapi_json_tools_from_uri


class Remarks(logging.Handler):
    """Keeps what is logged as a warning or worse."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.texts: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.texts.append(record.getMessage())


def main(path: str) -> None:
    remarks = Remarks()
    logging.getLogger().addHandler(remarks)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        tools = asyncio.run(create_openapi_json_tools_from_uri(path))
    print(
        json.dumps(
            {
                "tools": [
                    tool.__tool_spec__.model_dump(mode="json", by_alias=True, exclude_none=True) for tool in tools
                ],
                "remarks": remarks.texts + [str(warning.message) for warning in caught],
            }
        )
    )


main(sys.argv[1])
