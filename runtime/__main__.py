"""`python -m runtime classify|glue|verify|inspect|deploy FILE.tsp ...`, `python -m runtime compare A B ...`"""

from runtime.commands import entry

entry()
