"""The small CLIPs of the tests of models."""

from tests.models.conftest import resnet_clip  # noqa: F401  (a fixture)
