"""Options that several commands share, said once: a dataclass of them stands for them in a signature."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import is_dataclass
from functools import wraps
from inspect import Parameter, signature
from typing import Any


def spread(command: Callable[..., None]) -> Callable[..., None]:
    """A command as typer wants it: in place of each parameter that is a dataclass, the dataclass's fields.

    ``command`` itself gets the dataclasses. Fields are annotated and have defaults as parameters would.
    """
    own = signature(command, eval_str=True)
    groups: dict[str, Any] = {
        name: one.annotation for name, one in own.parameters.items() if is_dataclass(one.annotation)
    }
    fields = {name: signature(group, eval_str=True).parameters for name, group in groups.items()}
    parameters = [
        one.replace(kind=Parameter.KEYWORD_ONLY)
        for name, parameter in own.parameters.items()
        for one in (fields[name].values() if name in fields else [parameter])
    ]

    @wraps(command)
    def called(**values: Any) -> None:
        for name, group in groups.items():
            values[name] = group(**{field: values.pop(field) for field in fields[name]})
        command(**values)

    called.__signature__ = own.replace(parameters=parameters)  # type: ignore[attr-defined]
    called.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return called
