"""Errors that say what to do next."""


class ConvergenceError(RuntimeError):
    """A solver stopped before it reached its tolerance.

    The last iterate is never returned; the message names the equation, the residual that was
    reached and what to change.
    """
