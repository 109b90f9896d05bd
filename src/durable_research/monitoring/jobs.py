"""The names under which Prometheus scrapes our processes; rules and the scrape configuration share them."""

API = "durable-research-api"
WORKER = "durable-research-worker"
TEMPORAL = "durable-research-temporal"
JOBS = (API, WORKER, TEMPORAL)
