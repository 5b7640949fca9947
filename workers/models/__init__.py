"""One network a file: its layers, how its weights are read, and how its input is prepared."""
