"""How different do these two images look to a person?"""

__version__ = "0.1.0"
