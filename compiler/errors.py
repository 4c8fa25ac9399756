"""Compile errors, one class for each person who has to act."""

from tritspike.hw_profiles.errors import TritspikeError


class CompileError(TritspikeError):
    """Lowering stopped."""


class DoesNotFit(CompileError):
    """Sound, but the profile has no room for it: the user's, or the profile's, to change."""


class RangeViolation(CompileError):
    """A number that some input could push out of its register: the checkpoint's author's to change."""


class VerifyError(CompileError):
    """The network broke its own rules: a bug in a pass."""
