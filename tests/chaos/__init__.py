"""The whole service as its operators run it: real processes on real servers, killed at will."""
