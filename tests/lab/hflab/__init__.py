"""hflab: the modules behind scripts/lab.  Standard library only, Python 3.11 and later."""
