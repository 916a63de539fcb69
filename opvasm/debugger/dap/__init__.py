"""The Debug Adapter Protocol, by which editors drive the debugger."""
