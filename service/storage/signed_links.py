"""Links to files that this service serves itself: whoever holds one may download one file for a while."""

from __future__ import annotations

import hashlib
import hmac
import json
from urllib.parse import quote, urlencode

from service.domain.objects import ObjectRef
from service.ports.clock import Clock
from service.ports.storage import LinkRefusedError


class SignedLinks:
    """Signs links with HMAC-SHA256 over all that they say, and checks them.

    Args:
        base_url: Where ``/files/{bucket}/{key}`` is served.
        key: The secret of the signatures; 32 bytes or more, kept over restarts.
    """

    def __init__(self, *, base_url: str, key: bytes, clock: Clock) -> None:
        self._base_url = base_url.rstrip("/")
        self._key = key
        self._clock = clock

    def link(self, ref: ObjectRef, *, expires_in_seconds: int, filename: str) -> str:
        """The URL of a file; `expires` in it is Unix seconds."""
        expires = str(int(self._clock.now().timestamp()) + expires_in_seconds)
        query = {"expires": expires, "filename": filename, "signature": self._signature(ref, expires, filename)}
        return f"{self._base_url}/files/{quote(ref.bucket)}/{quote(ref.key)}?{urlencode(query)}"

    def check(self, ref: ObjectRef, *, expires: str, filename: str, signature: str) -> None:
        """Accept only what `link` has made, and only until it expires.

        Raises:
            LinkRefusedError: it was not made here, or its time is over.
        """
        right = self._signature(ref, expires, filename)
        if not hmac.compare_digest(right.encode(), signature.encode("utf-8", "replace")):
            raise LinkRefusedError("the link is not one of this service's", expired=False)
        if self._clock.now().timestamp() >= int(expires):  # digits, because it was signed here
            raise LinkRefusedError("the link has expired", expired=True)

    def _signature(self, ref: ObjectRef, expires: str, filename: str) -> str:
        said = json.dumps([ref.bucket, ref.key, expires, filename])  # no two links say the same in other words
        return hmac.new(self._key, said.encode(), hashlib.sha256).hexdigest()
