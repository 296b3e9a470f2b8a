"""Flashes: late books that still change a saturated adapter."""
