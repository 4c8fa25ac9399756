"""Training and its teachers from a shell, one file a command: options, and what is heavy imported only to run. `table.py` names them."""
