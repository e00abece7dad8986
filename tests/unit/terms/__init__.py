"""Tests of terms that need no database."""
