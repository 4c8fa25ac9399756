"""The one exception family: each message is one line that says where, what was found against what is allowed, and the way out."""


class TritspikeError(Exception):
    """Something the user can act on. `str()` is one line; a command prints it and exits with 1."""

    def __init__(self, message: str, hint: str | None = None) -> None:
        super().__init__(message if hint is None else f"{message} (hint: {hint})")


class ProfileError(TritspikeError):
    """A hardware profile that is unknown, unreadable or says something we do not know."""
