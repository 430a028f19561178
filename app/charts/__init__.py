"""Facts to figures: server-made SVG first, Plotly JSON second."""
