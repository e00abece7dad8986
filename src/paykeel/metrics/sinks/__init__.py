"""Where metrics go: CloudWatch, EMF on standard output, OTLP, and Prometheus, which comes itself.

PostgreSQL is the truth and stays so. What is sent is read from the rollups, stored as it will be
sent, and sent by the worker: nothing in a purchase waits for a sink, and one that is down is caught
up with when it is back.
"""
