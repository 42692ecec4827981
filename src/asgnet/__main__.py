"""``python -m asgnet``, and what ``accelerate launch -m asgnet train …`` runs."""

import sys

from asgnet.faces.cli.app import main

if __name__ == "__main__":
    sys.exit(main())
