"""What programs are measured by: labelled examples, texts, each other, and what papers count."""
