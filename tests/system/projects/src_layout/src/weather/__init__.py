from .figures import warmest
