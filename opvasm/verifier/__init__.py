"""The kernel's static rules, rules for restartable sections, and advice: all without memory."""
