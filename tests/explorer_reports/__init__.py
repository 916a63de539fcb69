"""Pages, graphs, tables and CI formats of the explorer."""
