"""What a pickle says, without unpickling it: its values, and the arrays in it. Nothing that it names is ever called."""

from __future__ import annotations

import pickletools
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

_CONSTANTS = ("BININT", "BININT1", "BININT2", "LONG1", "LONG4", "INT", "LONG", "BINFLOAT", "FLOAT", "BINUNICODE",
              "SHORT_BINUNICODE", "BINUNICODE8", "UNICODE", "BINBYTES", "SHORT_BINBYTES", "BINBYTES8",
              "BYTEARRAY8", "BINSTRING", "SHORT_BINSTRING", "STRING")  # fmt: skip
_FIXED = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False, "EMPTY_TUPLE": ()}
_TUPLES = {"TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}
_IGNORED = ("PROTO", "FRAME", "STOP")


@dataclass
class Named:
    """Something that unpickling would make: by what name, of what, and with what state."""

    name: str
    arguments: Any = ()
    state: Any = None


class _Machine:
    """The stack, the memo and the marks of a pickle that is followed."""

    def __init__(self) -> None:
        self.stack: list[Any] = []
        self.memo: dict[int, Any] = {}
        self.marks: list[int] = []

    def step(self, name: str, argument: Any) -> None:
        stack = self.stack
        if name in _CONSTANTS:
            stack.append(argument)
        elif name in _FIXED:
            stack.append(_FIXED[name])
        elif name in ("EMPTY_LIST", "EMPTY_DICT"):
            stack.append([] if name == "EMPTY_LIST" else {})
        elif name == "MARK":
            self.marks.append(len(stack))
        elif name in _TUPLES:
            stack[-_TUPLES[name] :] = [tuple(stack[-_TUPLES[name] :])]
        elif name == "TUPLE":
            self._push(tuple(self._marked()))
        elif name in ("LIST", "DICT"):
            items = self._marked()
            self._push(items if name == "LIST" else dict(zip(items[::2], items[1::2], strict=True)))
        elif name in ("APPEND", "APPENDS"):
            items = [stack.pop()] if name == "APPEND" else self._marked()
            stack[-1].extend(items)
        elif name in ("SETITEM", "SETITEMS"):
            items = [stack.pop(-2), stack.pop()] if name == "SETITEM" else self._marked()
            stack[-1].update(zip(items[::2], items[1::2], strict=True))
        else:
            self._object(name, argument)

    def _object(self, name: str, argument: Any) -> None:
        stack = self.stack
        if name in ("BINPUT", "LONG_BINPUT", "PUT", "MEMOIZE"):
            self.memo[len(self.memo) if name == "MEMOIZE" else int(argument)] = stack[-1]
        elif name in ("BINGET", "LONG_BINGET", "GET"):
            stack.append(self.memo[int(argument)])
        elif name == "GLOBAL":
            stack.append(Named(argument.replace(" ", ".")))
        elif name == "STACK_GLOBAL":
            stack[-2:] = [Named(".".join(stack[-2:]))]
        elif name in ("REDUCE", "NEWOBJ"):
            stack[-2:] = [Named(stack[-2].name, stack[-1])]
        elif name == "BUILD":
            state = stack.pop()
            stack[-1].state = state
        elif name not in _IGNORED:
            raise ValueError(f"a pickle with {name}, which no array needs")

    def _marked(self) -> list[Any]:
        at = self.marks.pop()
        items = self.stack[at:]
        del self.stack[at:]
        return items

    def _push(self, value: Any) -> None:
        self.stack.append(value)


def followed(data: bytes) -> Any:
    """The value that a pickle describes; what it would make stays a :class:`Named`.

    Raises:
        ValueError, IndexError, KeyError, AttributeError, TypeError: it is damaged.
    """
    machine = _Machine()
    for operation, argument, _ in pickletools.genops(data):
        machine.step(operation.name, argument)
    return machine.stack[-1]


def array_of(value: Any) -> NDArray | list[Any]:
    """The array of whole numbers that a value describes; of an array of objects the list of them.

    Raises:
        ValueError, AttributeError, TypeError: it describes none.
    """
    if value.name.endswith("._frombuffer"):
        raw, dtype, shape, order = value.arguments
        fortran = order == "F"
    elif value.name.endswith("._reconstruct"):
        _, shape, dtype, fortran, raw = value.state
    else:
        raise ValueError(f"{value.name}, which is no array")
    if isinstance(raw, list):
        return raw
    if isinstance(raw, Named):  # old pickles keep bytes as text
        raw = raw.arguments[0].encode("latin1")
    code = dtype.arguments[0]
    if code[:1] not in "biu":
        raise ValueError(f"an array of {code}, not of whole numbers")
    order = dtype.state[1] if dtype.state else "="
    values = np.frombuffer(raw, np.dtype(code).newbyteorder(order if order in "<>" else "="))
    return values.reshape(shape, order="F" if fortran else "C")
