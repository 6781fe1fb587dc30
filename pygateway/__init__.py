"""An API gateway whose edge is Python and whose decisions are native."""

from importlib.metadata import version

__version__ = version("pygateway")
