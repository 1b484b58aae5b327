import sys

from experiments.core.command import main
from experiments.stream.command import Settings, run

if __name__ == "__main__":
    sys.exit(main(Settings, run))
