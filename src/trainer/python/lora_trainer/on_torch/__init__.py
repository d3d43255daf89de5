"""The model on torch with PEFT: NVIDIA, and any CPU. Imported by backend.py only, and only when it is chosen."""
