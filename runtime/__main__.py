"""`python -m runtime classify|glue|verify|inspect FILE.tsp ...`"""

from runtime.commands import entry

entry()
