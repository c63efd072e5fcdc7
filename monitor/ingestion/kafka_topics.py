"""Which topic lies behind a topic's name: the id that Kafka gives to every topic, and never to another one.

A topic that was deleted and made anew keeps its name and begins again at offset 0. Records are fetched by name, so a
position of the former topic reads on in the middle of the new one, without an error. The id (Metadata from version
10, Kafka 2.8) tells: ids are never used twice, so if a name has the same id before a fetch and after it, what the
fetch brought came from that topic.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final
from uuid import UUID

from kafka import errors as kafka_errors

from monitor.errors import SourceUnavailable

NO_ID: Final = UUID(int=0)  # brokers' word for a topic that does not exist
ASK_TIMEOUT_MS: Final = 5_000


class TopicIds:
    """The ids of topics, from a consumer's metadata."""

    def __init__(self, consumer: Any) -> None:
        self._consumer = consumer
        self._identified: dict[str, str] = {}

    def now(self, topic: str) -> str:
        """The id in the metadata at hand; empty where brokers are too old for ids, or there is no such topic."""
        topic_id = self._consumer._cluster.topic_id(topic)
        return "" if topic_id is None or topic_id == NO_ID else str(topic_id)

    def identify(self, topic: str) -> str:
        """The same, and :meth:`confirm` holds the topic to it."""
        self._identified[topic] = self.now(topic)
        return self._identified[topic]

    def refresh(self) -> None:
        """Request the ids from the brokers; not to be called on the client's own thread.

        Raises:
            SourceUnavailable: they do not answer.
        """
        asked = self._consumer._cluster.request_update()
        try:
            self._consumer._net.run(self._consumer._manager.wait_for, asked, ASK_TIMEOUT_MS)
        except kafka_errors.KafkaTimeoutError as error:
            raise SourceUnavailable(f"Kafka: the brokers do not list their topics: {error}") from error
        except kafka_errors.UnknownTopicOrPartitionError:
            return  # the answer about a single topic that is gone at the moment: it has no id

    def confirm(self, topics: Iterable[str]) -> None:
        """Hold these topics to the ids that they were identified by.

        Raises:
            SourceUnavailable: one was made anew since.
        """
        for topic in topics:
            was, now = self._identified.get(topic, ""), self.now(topic)
            if was and now and was != now:
                raise SourceUnavailable(
                    f"Kafka: topic {topic} was deleted and made anew while it was read (its id was {was}, now it is "
                    f"{now}); the new one is read from its start"
                )
