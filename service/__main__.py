"""``python -m service`` is ``afterimage``."""

from service.cli import main

main()
