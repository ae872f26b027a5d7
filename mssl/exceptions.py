"""Errors and warnings that say what to do next."""


class ConvergenceError(RuntimeError):
    """A solver stopped before it reached its tolerance.

    The last iterate is never returned; the message names the equation, the residual that was
    reached and what to change.
    """


class AccuracyWarning(UserWarning):
    """A result holds fewer digits than six, because the data leave no more.

    The message says how many digits remain and what to change.
    """
