"""The embedded model, built from nothing: its world, its training, its shipped files."""

from uait.settings import ASSETS

POCKET = ASSETS / "pocket"
