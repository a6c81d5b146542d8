"""Tests over real HTTP, with real processes and a real PostgreSQL server of their own."""
