"""The explorer's second engine, in C: step code as bytes, and what comes back."""
