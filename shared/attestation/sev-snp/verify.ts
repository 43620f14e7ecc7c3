import type { PlatformVerifier } from '../platform.ts';
import { refusedFor } from '../verification.ts';

/** Placeholder that refuses everything until its verifier is in place. */
export const sevSnp: PlatformVerifier = {
  title: 'sevSnp',
  verify: async () => refusedFor({ code: 'MALFORMED', detail: 'not verified by this version' }),
  anchors: [],
  vocabulary: { measurements: {}, attributes: {}, openAttributes: false, levels: [], identifiedBy: [] },
  reportDataBytes: 64,
};
