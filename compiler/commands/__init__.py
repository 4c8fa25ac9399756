"""What the compiler does from a shell, one file a command. `table.py` names them."""
