"""Real servers for tests: Apache Kafka from its jars and PostgreSQL from a wheel, each in a directory of its own."""
