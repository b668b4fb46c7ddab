"""Tests of the release: the contents of the wheel, and the files for GitHub and its users."""
