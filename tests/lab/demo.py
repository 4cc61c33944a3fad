"""Entry of scripts/demo, which has installed what this needs."""
import sys

from hflab.demo import main

sys.exit(main())
