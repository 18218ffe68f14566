"""Actions: tool x policy x channel, free of any segment."""
