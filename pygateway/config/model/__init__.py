"""The configuration's models, one file per section."""
