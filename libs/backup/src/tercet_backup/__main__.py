"""`python -m tercet_backup`."""

from tercet_backup.cli import main

main()
