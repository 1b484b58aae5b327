"""Tests of the library, on the backend that KERAS_BACKEND names."""
