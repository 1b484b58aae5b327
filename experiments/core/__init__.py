"""What every experiment stands on: command line, settings, runner, rows."""
