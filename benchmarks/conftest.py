"""The machine is described in pytest-benchmark's report."""

from __future__ import annotations

from typing import Any

from benchmarks.speed.measure import machine


def pytest_benchmark_update_machine_info(config: Any, machine_info: dict[str, Any]) -> None:
    """Beside what pytest-benchmark records itself."""
    machine_info.update(machine())


def pytest_report_header() -> str:
    """The first line of the report."""
    return ", ".join(f"{name}: {value}" for name, value in machine().items())
