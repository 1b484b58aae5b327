"""What was tried and is no part of the product."""
