/** The payload types of protocol section 1.1: what a signature is for. Never reused for another meaning. */
export const PAYLOAD_TYPES = {
  manifest: 'application/vnd.cloister.manifest+yaml',
  command: 'application/vnd.cloister.command+json',
  session: 'application/vnd.cloister.session+bytes',
  round: 'application/vnd.cloister.round+msgpack',
  updateHeader: 'application/vnd.cloister.update-header+msgpack',
  receipt: 'application/vnd.cloister.receipt+json',
  refusal: 'application/vnd.cloister.refusal+json',
  status: 'application/vnd.cloister.status+json',
  inToto: 'application/vnd.in-toto+json',
} as const;

/** One of {@link PAYLOAD_TYPES}. */
export type PayloadType = (typeof PAYLOAD_TYPES)[keyof typeof PAYLOAD_TYPES];
