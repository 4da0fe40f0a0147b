"""Measurements that back the figures in the docs; each one is a `kizuna bench` command."""
