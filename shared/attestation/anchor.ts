import type { Platform } from './evidence.ts';

/** A root of trust, pinned by the SHA-256 of its DER certificate in lower-case hex. */
export interface Anchor {
  readonly name: string;
  readonly platform: Platform;
  readonly sha256: string;
  /** True for every root that is not a hardware vendor's: all that rests on it is shown as EMULATED. */
  readonly emulated: boolean;
}
