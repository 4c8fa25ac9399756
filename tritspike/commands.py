"""All commands in the order of help; each is entered in the table of the folder that it lives in."""

from tritspike.compiler.commands.table import COMMANDS as COMPILER
from tritspike.models.commands.table import COMMANDS as MODELS
from tritspike.runtime.commands.table import COMMANDS as RUNTIME

COMMANDS = (*COMPILER, *RUNTIME, *MODELS)
