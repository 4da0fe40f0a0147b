"""The output topics: every record on its topic once, whatever crashes.

Read in this order: `routes` (which rows go where), `records` (a row as a Kafka record),
`deliveries` (the producer, whose every report is checked), `recorded` (what a topic already
holds when a run goes on), `read_back` (how that is read), `sink` (what Bytewax drives).
"""

from sinks.kafka.routes import to_topics
from sinks.kafka.sink import TopicsSink

__all__ = ["TopicsSink", "to_topics"]
