"""Models of a population covariance: the contract of all, and a new one that inherits it."""

import pytest

pytest.register_assert_rewrite("tests.covariance.contract")
