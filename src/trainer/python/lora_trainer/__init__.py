"""Train, judge and export LoRA adapters for the GGUF model that is served. Run with `python -m lora_trainer`."""
