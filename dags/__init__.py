"""Examples that ``PackageDagBundle`` serves."""
