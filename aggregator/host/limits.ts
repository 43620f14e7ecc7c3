/** Every bound of the host in one place; bytes or milliseconds as the name says. */
export const HOST_LIMITS = {
  /** A signed command in its DSSE file form. */
  commandBytesMax: 16 * 1024,
  /** A manifest envelope read from a file. */
  studyFileBytesMax: 2 * 1024 * 1024 - 4096,
  studiesMax: 64,
  /** One piece of a payload in the queue's store. */
  payloadPieceBytes: 1024 * 1024,
  releaseBytesMax: 5 * 1024 * 1024 * 1024,
  releasesPerStudyMax: 100_000,
  /** Releases on their way in from the enclave at the same time. */
  transfersMax: 4,
  /** How long payloads stay in the queue's store when nobody fetches them. */
  payloadTtlSeconds: 7 * 24 * 3600,
  headerBytesMax: 8 * 1024,
  connectionsMax: 4096,
  relayConnectionsMax: 2048,
  relayConnectMs: 10_000,
  longPollMs: 30_000,
  longPollsMax: 2048,
  commandsWaitingMax: 1000,
  commandsActiveMax: 16,
  commandAnswerMs: 60_000,
  queueStartMs: 10_000,
  queueStopMs: 5_000,
  /** Time between two readings of the folder of endorsements. */
  endorsementsMs: 10 * 60 * 1000,
  reconnectFirstMs: 50,
  reconnectLastMs: 5_000,
} as const;
