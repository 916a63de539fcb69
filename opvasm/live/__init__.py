"""Real programs that call cpu_opv, on a stock Linux x86-64 kernel: answered, traced, stepped."""
