"""Local web pages for a person's eye: the label page and the crop page. They bind to 127.0.0.1 only."""
