"""OpenAI's Images API, and servers that speak it, through the official SDK.

See https://platform.openai.com/docs/api-reference/images/createEdit.
"""

from __future__ import annotations

import asyncio
import io
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import replace
from typing import Any

from openai import (
    DEFAULT_CONNECTION_LIMITS,
    APIConnectionError,
    APIStatusError,
    AsyncOpenAI,
    DefaultAioHttpClient,
    Timeout,
)

from service.domain.faults import Fault, ProviderFaultError
from service.domain.pictures import PictureFormat
from service.ports.imaging import SourceLimits
from service.ports.provider import Caller, Capabilities, Result, Task, Ticket
from service.providers.fencing import fence_request, fenced
from service.providers.openai_answers import parse
from service.providers.openai_faults import refused, unanswered
from service.providers.openai_models import form_of, parameters_of
from service.providers.prices import Prices

_SOURCES = SourceLimits(
    formats=frozenset({PictureFormat.PNG, PictureFormat.JPEG, PictureFormat.WEBP}),
    max_bytes=50 * 1024 * 1024 - 1,
)
_MASK_BYTES = 4 * 1024 * 1024 - 1
_PING_SECONDS = 10.0
# Shorter than servers keep idle connections: a request that meets a connection just closed looks like a lost answer.
_IDLE_CONNECTION_SECONDS = 2.0
_ANY_NUMBER = 0  # as aiohttp says it; how many calls are out is limited where they are admitted


class OpenAIProvider:
    """Implements `service.ports.provider.Provider`.

    Args:
        base_url: Where the API is, including its version, for example ``https://api.openai.com/v1``.
        models: In order of preference, at least one.
        prices: What costs are estimated from.
        quality: For requests that do not say; None leaves it to the model.
        connect_timeout_seconds: How long opening a connection may take.
    """

    name = "openai"

    def __init__(
        self,
        *,
        api_key: str,
        base_url: str,
        models: tuple[str, ...],
        prices: Prices,
        quality: str | None = None,
        connect_timeout_seconds: float = 10.0,
    ) -> None:
        self._client = _client(api_key, base_url)
        self._models = models
        self._prices = prices
        self._quality = quality
        self._connect_timeout_seconds = connect_timeout_seconds
        self.capabilities = Capabilities(
            operations=frozenset({"edit"}),
            models=models,
            parameters={"edit": parameters_of(models)},
            formats=frozenset({"png", "jpeg", "webp"}),
            sources=_SOURCES,
            paid=True,
            mask_max_bytes=_MASK_BYTES,
        )

    def admission(self, caller: Caller) -> AbstractAsyncContextManager[None]:  # noqa: ARG002 - the seam's signature
        """Nobody waits here; see `service.providers.guarded`."""
        return nullcontext()

    async def start(self, task: Task) -> Result:
        """Edit the first picture of the task.

        Raises:
            ProviderFaultError: it could not be done, or nobody knows whether it was.
        """
        model = task.model or self._models[0]
        asked = {"quality": self._quality, **task.parameters}
        form, warnings = form_of(model, asked)
        if task.mask is not None:
            form["mask"] = ("mask.png", task.mask.data, task.mask.format.mime_type)
        body, headers = await self._edit(task, model, form)
        answer = parse(body, headers)
        return Result(
            data=answer.data,
            model=model,
            usage=answer.usage,
            cost_usd=self._prices.cost(model, answer.usage),
            request_id=headers.get("x-request-id"),
            warnings=warnings,
        )

    async def collect(self, task: Task, ticket: Ticket) -> Result:
        """There is nothing to collect: this provider gives no tickets."""
        raise ProviderFaultError(Fault.EMPTY_RESULT, f"no ticket {ticket.id!r} of job {task.job_id} is known")

    async def estimate(self, task_parameters: Mapping[str, Any]) -> float | None:
        """What one picture is expected to cost by the shipped or the operator's prices."""
        quality = task_parameters.get("quality") or self._quality
        return self._prices.estimate(self._models[0], quality=quality, size=task_parameters.get("size"))

    async def state(self) -> Mapping[str, Any]:
        """Nothing changes here while it runs."""
        return {}

    async def ping(self) -> None:
        """Look the first model up, which costs nothing."""
        try:
            await self._client.models.with_raw_response.retrieve(self._models[0], timeout=_PING_SECONDS)
        except APIStatusError as error:
            fault = refused(error)
            # Servers that speak the Images API alone do not know this path; they have answered, which is enough.
            if error.status_code not in {404, 405} or fault.code == "model_not_found":
                raise fault from error
        except APIConnectionError as error:
            raise unanswered(error, sent=False) from error

    async def close(self) -> None:
        """Release connections."""
        await self._client.close()

    async def _edit(self, task: Task, model: str, form: dict[str, Any]) -> tuple[bytes, Mapping[str, str]]:
        """The body and the headers of a 200, unread: the SDK would parse it on the event loop."""
        picture = task.pictures[0]
        # As a file it is sent in pieces that do not hold up the event loop, and its position tells how much has gone:
        # a request that was not sent to its end cannot be charged.
        image = io.BytesIO(picture.data)
        try:
            with fenced(task.fence):
                async with asyncio.timeout(task.timeout_seconds):
                    answer = await self._client.images.with_raw_response.edit(
                        image=(f"image.{picture.format.extension}", image, picture.format.mime_type),
                        prompt=task.prompt,
                        model=model,
                        timeout=Timeout(task.timeout_seconds, connect=self._connect_timeout_seconds),
                        **form,
                    )
        except APIStatusError as error:
            raise refused(error) from error
        except (APIConnectionError, TimeoutError) as error:
            raise unanswered(error, sent=image.tell() == len(picture.data)) from error
        return answer.content, answer.headers


def _client(api_key: str, base_url: str) -> AsyncOpenAI:
    """The SDK over aiohttp, as its authors advise where many calls are out at once."""
    limits = replace(DEFAULT_CONNECTION_LIMITS, max_connections=_ANY_NUMBER, keepalive_expiry=_IDLE_CONNECTION_SECONDS)
    return AsyncOpenAI(
        api_key=api_key,
        base_url=base_url,
        max_retries=0,  # asking again costs money: that is decided where it is counted
        # Redirects would carry pictures to a host that no operator has named.
        http_client=DefaultAioHttpClient(
            limits=limits, follow_redirects=False, event_hooks={"request": [fence_request]}
        ),
    )
