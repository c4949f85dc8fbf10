# Read before librdkafka's own makefile; see config.toml.
override LIBSUBDIRS = src
