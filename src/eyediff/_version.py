"""Define the version of the package in a module without imports, which every module may import."""

__version__ = "0.1.0"
