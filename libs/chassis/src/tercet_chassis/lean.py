"""Imports structlog without rich, which it takes in wherever that is installed: servers write JSON, and rich with its
lexers costs each of them 4 MB and a tenth of a second. Whoever wants rich itself still finds it.
"""

from __future__ import annotations

import sys

if "structlog" not in sys.modules and "rich" not in sys.modules:
    sys.modules["rich"] = None  # type: ignore[assignment]
    try:
        import structlog  # noqa: F401
    finally:
        del sys.modules["rich"]
