"""Tenants and their keys."""

from __future__ import annotations

_KEYS = {tenant: f"{tenant}-key-0123456789abc" for tenant in ("alice", "bob", "carol", "dave")}

KEYS = ",".join(f"{tenant}:{key}" for tenant, key in _KEYS.items())
"""All of them, as AFTERIMAGE_API_KEYS takes them."""

ALICE, CAROL, DAVE = ({"Authorization": f"Bearer {_KEYS[tenant]}"} for tenant in ("alice", "carol", "dave"))
BOB = {"X-API-Key": _KEYS["bob"]}
