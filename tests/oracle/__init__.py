"""A second opinion on scenarios: an enumerator that shares nothing with the explorer."""
