"""Proximal optimal transport divergences by solving their mean-field game on grids."""
