"""Records -> plain data that the page draws; no Gradio."""
