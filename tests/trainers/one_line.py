"""The error of a run with a user's own module, which is one line."""

import pytest

from core.errors import UserError


def error_of(run, source):
    """Return the message with which ``run(source)`` ends."""
    with pytest.raises(UserError) as caught:
        run(source)
    assert "\n" not in str(caught.value)
    return str(caught.value)
