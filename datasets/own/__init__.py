"""Label files of users' own data: one reader per format, one form for all of them."""
