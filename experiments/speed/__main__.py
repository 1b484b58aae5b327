import sys

from experiments.core.command import main
from experiments.speed.command import Settings, run

if __name__ == "__main__":
    sys.exit(main(Settings, run, resumes=False))
