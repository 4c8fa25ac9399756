"""Any network at all: populations one after another, all steps at once where they can be."""
