"""The receiver: usage enters the database and answers questions."""

from importlib.util import find_spec as _found

for _name in ("aiohttp", "asyncpg", "numpy"):
    if _found(_name) is None:
        raise ImportError(f"{_name} is missing: pip install 'tallystick[receiver]'")
