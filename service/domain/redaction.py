"""What logs may say of a URL that is a capability: whoever knows it may use it."""

from __future__ import annotations

import hashlib
import re

_ORIGIN = re.compile(r"(https?)://(?:[^/?#@]*@)?(\[[0-9a-f:.]+\]|[a-z0-9._-]+)(:[0-9]{1,5})?(?=[/?#]|$)", re.IGNORECASE)


def redacted(url: str) -> str:
    """Where a URL leads, and enough of a digest to tell two of them apart, for example ``https://host/…#1f3a9c02``.

    Nothing that was secret can be read back: path, query and user name are left out, and what has no plain host
    is left out altogether.
    """
    digest = hashlib.sha256(url.encode("utf-8", "surrogatepass")).hexdigest()[:8]
    origin = _ORIGIN.match(url)
    if origin is None:
        return f"…#{digest}"
    scheme, host, port = origin.groups(default="")
    return f"{scheme}://{host}{port}/…#{digest}".lower()
