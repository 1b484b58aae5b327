"""The time loop as one kernel."""
