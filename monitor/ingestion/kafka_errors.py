"""The one border where the Kafka client's errors become ours.

Three reactions: try again (:class:`SourceUnavailable`), stop because somebody else took over (:class:`Fenced`), stop
because it will not get better by itself (:class:`SourceRefused`). What the client itself calls retriable is tried
again; of the rest, the sets below are tried again too, since the broker or the network recovers from them, and
everything else, known or new, is refused: an error nobody has thought about must be seen.
"""

from __future__ import annotations

from typing import Final

from kafka import errors as kafka_errors

from monitor.errors import DriftlineError, Fenced, SourceRefused, SourceUnavailable

FENCED: Final = (
    kafka_errors.FencedInstanceIdError,  # another process runs with our group.instance.id
    kafka_errors.FencedMemberEpochError,
    kafka_errors.ProducerFencedError,
    kafka_errors.InvalidProducerEpochError,
)

TRY_AGAIN: Final = (
    kafka_errors.RetriableError,
    # Group membership that is being sorted out; the next poll joins again.
    kafka_errors.CommitFailedError,
    kafka_errors.IllegalGenerationError,
    kafka_errors.MemberIdRequiredError,
    kafka_errors.RebalanceInProgressError,
    kafka_errors.StaleMemberEpochError,
    kafka_errors.UnknownMemberIdError,
    kafka_errors.UnreleasedInstanceIdError,
    kafka_errors.GroupMaxSizeReachedError,  # room is made when another member leaves
    # A broker in trouble, a broken frame, a bootstrap that found nobody.
    kafka_errors.BrokerNotAvailableError,
    kafka_errors.InvalidReceiveError,
    kafka_errors.KafkaProtocolError,
    kafka_errors.NewLeaderElectedError,
    kafka_errors.QuotaViolationError,
    kafka_errors.StaleBrokerEpochError,
    kafka_errors.UnknownBrokerIdError,
    kafka_errors.UnknownError,
    # The idempotent producer starts a new sequence by itself.
    kafka_errors.OutOfOrderSequenceNumberError,
    kafka_errors.UnknownProducerIdError,
    kafka_errors.TransactionAbortableError,
)

WAY_OUT: Final[dict[type[kafka_errors.KafkaError], str]] = {
    kafka_errors.TopicAuthorizationFailedError: "grant Read and Describe on the topic to this user",
    kafka_errors.GroupAuthorizationFailedError: "grant Read on the consumer group to this user",
    kafka_errors.SaslAuthenticationFailedError: "check user, password file and SASL mechanism",
    kafka_errors.UnsupportedSaslMechanismError: "choose a SASL mechanism that the brokers offer",
    kafka_errors.InconsistentGroupProtocolError: "another program uses this consumer group; choose another group",
    kafka_errors.InvalidSessionTimeoutError: "choose a session timeout that the brokers allow",
    kafka_errors.InvalidTopicError: "check the topic's name",
    kafka_errors.UnsupportedCodecError: "install the client's extras for this compression",
    kafka_errors.LogTruncationError: "the log lost records that were read already",
}


def to_driftline(error: Exception) -> DriftlineError:
    """Our error for an exception of the Kafka client; the caller raises it ``from`` the original."""
    if isinstance(error, DriftlineError):
        return error
    cause = error.__cause__
    if type(error) is kafka_errors.KafkaError and isinstance(cause, DriftlineError):
        return cause  # the client wraps what a rebalance callback of ours raised
    if type(error) is kafka_errors.KafkaError and cause is None:
        return SourceUnavailable(f"Kafka: {error}")  # the client's "this should not happen": fetch again
    text = f"{type(error).__name__}: {error}" if not isinstance(error, kafka_errors.KafkaError) else str(error)
    if isinstance(error, FENCED):
        return Fenced(f"Kafka: {text}; another process took over this membership")
    if isinstance(error, TRY_AGAIN) or (isinstance(error, OSError) and not isinstance(error, PermissionError)):
        return SourceUnavailable(f"Kafka: {text}")
    way_out = next((hint for kind, hint in WAY_OUT.items() if isinstance(error, kind)), None)
    return SourceRefused(f"Kafka: {text}" + (f"; {way_out}" if way_out else ""))
