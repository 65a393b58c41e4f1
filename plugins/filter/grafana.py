"""Filter that fits a dashboard of Grafana to the data sources that there are."""

from collections.abc import Callable
from typing import Any


def dashboard_of(dashboard: dict[str, Any], uids: list[str]) -> dict[str, Any]:
    """Return a dashboard with those of its panels whose data source has one of some uids."""
    panels = [panel for panel in dashboard["panels"] if panel["datasource"]["uid"] in uids]
    return {**dashboard, "panels": panels}


class FilterModule:
    def filters(self) -> dict[str, Callable[..., object]]:
        return {"dashboard_of": dashboard_of}
