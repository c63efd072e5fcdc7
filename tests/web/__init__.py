"""Pages and API over real HTTP, on what a judge has stored."""
