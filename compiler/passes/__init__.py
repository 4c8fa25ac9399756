"""Graph to graph, one pass a file. Passes never import passes; `compiler/pipeline.py` holds the one ordered table."""
