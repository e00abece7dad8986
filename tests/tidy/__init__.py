"""Tests that read the repository instead of running it: the house style, held by a machine."""
