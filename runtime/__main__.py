"""`python -m runtime classify|glue|verify|inspect|deploy FILE.tsp ...`"""

from runtime.commands import entry

entry()
