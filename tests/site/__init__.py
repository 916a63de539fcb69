"""The site, built and opened in a browser; `make site site-test`."""
