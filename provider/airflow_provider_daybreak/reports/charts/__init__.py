"""Charts: drawn from columns by Vega-Lite, to the pixel."""
