"""The base of every experiment: command line, settings, runner, rows."""
