"""Records for what every ``corvus check`` loads: a ``NamedTuple`` that is quick to define.

``typing`` and the ``re`` that it loads take as long as starting Python does, and the rest of a
check takes less; ``collections.namedtuple`` compiles source for each class. So a module that a
clean check loads defines its records with ``Record``, which type checkers take for ``NamedTuple``,
and imports ``typing`` for type checkers alone. Elsewhere ``NamedTuple`` is the one to use.
"""

from __future__ import annotations

from operator import itemgetter

__all__ = ["Record"]

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NamedTuple as Record
else:

    class _Fields(type):
        """Makes the annotated names of a class the items of a tuple."""

        def __new__(mcs, name, bases, members):
            cls = super().__new__(mcs, name, bases, {"__slots__": (), **members})
            fields = tuple(cls.__annotations__)
            cls._fields = cls.__match_args__ = fields
            cls._field_defaults = {key: members[key] for key in fields if key in members}
            for index, key in enumerate(fields):
                setattr(cls, key, property(itemgetter(index)))
            return cls

    class Record(tuple, metaclass=_Fields):
        """A tuple whose items have names, and defaults where the class states them."""

        def __new__(cls, *values, **named):
            """Make a record.

            Raises:
                TypeError: A field has no value, or a value has no field.
            """
            missing = cls._fields[len(values) :]
            if missing or named:
                known = {**cls._field_defaults, **named}
                if not known.keys() >= {*missing} or not named.keys() <= {*missing}:
                    raise TypeError(f"{cls.__name__} takes {', '.join(cls._fields)}")
                values += tuple(known[key] for key in missing)
            elif len(values) > len(cls._fields):
                raise TypeError(f"{cls.__name__} takes {', '.join(cls._fields)}")
            return tuple.__new__(cls, values)

        def __getnewargs__(self):
            return tuple(self)

        def __repr__(self):
            pairs = zip(self._fields, self, strict=True)
            return f"{type(self).__name__}({', '.join(f'{key}={value!r}' for key, value in pairs)})"

        def _replace(self, **changes):
            return type(self)(**{**self._asdict(), **changes})

        def _asdict(self):
            return dict(zip(self._fields, self, strict=True))
