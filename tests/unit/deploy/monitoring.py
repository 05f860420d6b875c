"""Alerts and dashboard as tests ask for them."""

from __future__ import annotations

import json
from typing import Any

from tests.unit.deploy.files import DEPLOY, documents

MONITORING = DEPLOY / "monitoring"
(RULES,) = documents(MONITORING / "alerts.yaml")
ALERTS = {rule["alert"]: rule for group in RULES["groups"] for rule in group["rules"]}
DASHBOARD: dict[str, Any] = json.loads((MONITORING / "dashboard.json").read_text(encoding="utf-8"))
PANELS = {panel["title"]: panel for panel in DASHBOARD["panels"] if panel["type"] != "row"}
EXPRESSIONS = {
    **{name: rule["expr"] for name, rule in ALERTS.items()},
    **{
        f"{title} {target['refId']}": target["expr"].replace("$__rate_interval", "1m")
        for title, panel in PANELS.items()
        for target in panel["targets"]
    },
}
