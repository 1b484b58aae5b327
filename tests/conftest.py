"""What all tests share."""

from hypothesis import settings

# The same examples every time; no test depends on how fast the machine is.
settings.register_profile("tests", deadline=None, derandomize=True, database=None)
settings.load_profile("tests")
