"""Feature flags in flagd's format: definitions as part of the tree, evaluated in process by flagd's core."""

from dynconf.errors import MissingExtra

try:
    import openfeature.contrib.tools.flagd.core  # noqa: F401
except ImportError as _error:
    raise MissingExtra("evaluating feature flags", "flags") from _error
