"""Layers that a network of one's own is composed of, trained in torch, folded to the chip's integers, and traced to `runtime/network` records."""
