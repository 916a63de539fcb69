"""What the kernel's header and documents say, as data: ops, layouts, revisions."""
