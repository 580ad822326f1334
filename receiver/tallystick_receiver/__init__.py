"""The receiver: usage enters the database and answers questions."""

try:
    import aiohttp as _aiohttp
    import asyncpg as _asyncpg
    import numpy as np
except ImportError as error:
    raise ImportError(f"{error.name} is missing: pip install 'tallystick[receiver]'") from error

del _aiohttp, _asyncpg, np
