from .doctor import Check, CheckState, diagnose

__all__ = ["Check", "CheckState", "diagnose"]
