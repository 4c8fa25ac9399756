"""A stand-in, not Intel's: `lava.utils.loihi.is_installed` asks for a module of this name."""
