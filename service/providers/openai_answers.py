"""Reading an answer of the Images API: large, paid for, and not always what it should be."""

from __future__ import annotations

import binascii
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pybase64
from pydantic_core import from_json

from service.domain.faults import Fault, ProviderFaultError
from service.providers.openai_faults import fault_of


@dataclass(frozen=True, slots=True)
class Answer:
    """The picture of a good answer, and the usage numbers as they came."""

    data: bytes
    usage: Mapping[str, Any] | None


def parse(body: bytes, headers: Mapping[str, str]) -> Answer:
    """The picture in the body of a 200: half a millisecond for 4 MB, so no thread is worth its while.

    Raises:
        ProviderFaultError: ``empty_result`` when it holds no picture, ``ambiguous`` when it breaks off, and what an
            error object in it says.
    """
    answer = _object(body, headers)
    error = answer.get("error")
    if isinstance(error, Mapping):
        raise fault_of(error, http_status=200, headers=headers)
    usage = answer.get("usage")
    return Answer(_picture(answer, headers), usage if isinstance(usage, Mapping) else None)


def _object(body: bytes, headers: Mapping[str, str]) -> Mapping[str, Any]:
    try:
        answer = from_json(body, cache_strings="none")
    except ValueError as error:
        if not body or body.lstrip().startswith(b"{"):
            message = "the answer breaks off before its end"
            raise _fault(Fault.AMBIGUOUS, message, headers) from error
        answer = None
    if not isinstance(answer, Mapping):
        raise _fault(Fault.EMPTY_RESULT, "the answer is not one of the Images API", headers)
    return answer


def _picture(answer: Mapping[str, Any], headers: Mapping[str, str]) -> bytes:
    match answer.get("data"):
        case [{"b64_json": str(text)}, *_] if text:
            try:
                return pybase64.b64decode(text, validate=True)
            except (binascii.Error, ValueError) as error:
                raise _fault(Fault.EMPTY_RESULT, "the picture in the answer is not valid base64", headers) from error
        case _:
            raise _fault(Fault.EMPTY_RESULT, "the answer holds no picture", headers)


def _fault(fault: Fault, message: str, headers: Mapping[str, str]) -> ProviderFaultError:
    return ProviderFaultError(fault, message, http_status=200, request_id=headers.get("x-request-id"))
