"""Ideas that were tried and are no part of the product."""
