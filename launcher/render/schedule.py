"""A source's cron expression, for the renderings that keep time."""

from __future__ import annotations

from launcher.config import cron
from launcher.errors import ConfigurationError


def checked(source: str, expression: str) -> str:
    """The expression, with numbers for ``H``. Raises ConfigurationError for what is no cron expression."""
    why = cron.fault(expression)
    if why:
        raise ConfigurationError(
            f"{source}: schedule '{expression}' is not a cron expression: {why}",
            'minute, hour, day, month, weekday, as in "0 */6 * * *" (every six hours, UTC)',
        )
    return cron.spread(expression, source)
