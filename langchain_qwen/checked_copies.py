"""LangChain's objects as copies of ones that pydantic checked: half as dear, for values that we made ourselves."""

from typing import Any, Generic, TypeVar

from pydantic import BaseModel

put = object.__setattr__

M = TypeVar("M", bound=BaseModel)


class Template(Generic[M]):
    """A checked object. Whatever of a copy may be altered in place is to be said for each."""

    def __init__(self, checked: M) -> None:
        self._kind: type[M] = type(checked)
        self._values = dict(vars(checked))
        self._names = set(checked.model_fields_set)
        self._takes_extra = checked.__pydantic_extra__ is not None

    def copy(self, **values: Any) -> M:
        """A copy with these values. They count as set where those of the checked object did."""
        made = self._kind.__new__(self._kind)
        # What ``model_construct`` does, without a look at each field.
        put(made, "__dict__", {**self._values, **values})
        put(made, "__pydantic_fields_set__", self._names.copy())
        put(made, "__pydantic_extra__", {} if self._takes_extra else None)
        put(made, "__pydantic_private__", None)
        return made
