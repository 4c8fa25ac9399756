"""What rewrites a network on its way to a program, one file a pass. `compiler/pipeline.py` names them in order."""
