"""a trained run held against its floors on the test split. Not here: metrics themselves, or pages."""
