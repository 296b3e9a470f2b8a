"""Own thinking past saturation: next books, replay and scenes the model writes itself, side by side."""
