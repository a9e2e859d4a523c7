"""The page: Gradio components, and the views and figures they show."""
