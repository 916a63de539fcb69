"""What the explorer found, to look at and to cite: comparison tables, pages, graphs, CI formats."""
