"""Running a file of orders: read line by line, checked, sent in a bounded window, and counted."""
