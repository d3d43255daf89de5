"""The model on MLX: Apple's processors and graphics, and any CPU. Imported by backend.py only, and only when it is chosen."""
