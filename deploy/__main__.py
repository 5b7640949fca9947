"""`python -m deploy` is the `facepose` command; the supervisor starts its children this way."""

from deploy.cli import main

main()
