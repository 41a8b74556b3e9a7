def warmest(days):
    return max(days, key=days.get)
