"""A program as one page: records of what is shown (gathered without the plotting library), and their drawing (`page.py`)."""
