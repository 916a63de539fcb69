"""``test`` blocks: a program loaded into a machine, and its statements run one by one."""
