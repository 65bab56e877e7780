from .serve import ServedApp, serve_app
from .settings import AppSettings, Limits

__all__ = ["AppSettings", "Limits", "ServedApp", "serve_app"]
