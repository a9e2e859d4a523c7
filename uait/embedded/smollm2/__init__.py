"""SmolLM2-135M-Instruct: the questions that we own for it, its few-shot prompt, and sampling behind that prompt."""
