"""Measurements in the forms that Prometheus and others read.

collector    gives them to prometheus-client, metric by metric
histograms   writes histograms, of which there are thousands of lines
exposition   joins both, in the form that is asked for
scraping     one at a time, beside the event loop
"""

from pygateway.admin.metrics.scraping import Scraping

__all__ = ["Scraping"]
