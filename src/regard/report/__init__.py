"""the page and pictures a person reads. Not here: any number that is not in the run folder."""
