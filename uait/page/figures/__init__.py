"""Numbers -> plotly figures, each with the same numbers as a table: pure functions, one look."""
