"""initscope: which initialisation drew these weights, and does it fit?"""

__version__ = "0.1.0"
