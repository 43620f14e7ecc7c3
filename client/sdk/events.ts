import type { RefusalCode } from '#shared/fault/codes.ts';
import type { Phase } from '#shared/protocol/messages.ts';

/**
 * What a participant reports while it works. Digests and ids in lower-case hex, times in milliseconds. No
 * weights, no example counts, and no metrics of one participant alone: `held` carries the means over all.
 */
export type ParticipantEvent =
  | {
      readonly kind: 'attested';
      readonly ms: number;
      /** True when the evidence rests on no hardware vendor's root: whatever shows this event says EMULATED. */
      readonly emulated: boolean;
      readonly platform: string;
      readonly measurements: Readonly<Record<string, string>>;
    }
  | { readonly kind: 'joined'; readonly ms: number; readonly round: number; readonly phase: Phase }
  | { readonly kind: 'phase'; readonly round: number; readonly phase: Phase }
  | { readonly kind: 'roundOpened'; readonly round: number; readonly attempt: number; readonly remainingMs: number }
  | { readonly kind: 'trained'; readonly round: number; readonly ms: number }
  | {
      readonly kind: 'sealed';
      readonly round: number;
      readonly attempt: number;
      readonly updateId: string;
      readonly ms: number;
      readonly bytes: number;
    }
  | {
      readonly kind: 'uploaded';
      readonly updateId: string;
      readonly ms: number;
      /** Bytes of sealed chunks that this session sent, repeated ones included. */
      readonly bytes: number;
      /** Index of the first chunk that this session sent: above 0 when an upload went on where another stopped. */
      readonly from: number;
    }
  | {
      readonly kind: 'receipt';
      readonly round: number;
      readonly attempt: number;
      readonly updateId: string;
      readonly updateDigest: string;
    }
  | { readonly kind: 'refused'; readonly round: number; readonly attempt: number; readonly code: RefusalCode }
  | {
      readonly kind: 'declined';
      readonly round: number;
      readonly attempt: number;
      readonly reason: string;
      readonly because: string;
    }
  | { readonly kind: 'released'; readonly round: number; readonly release: string }
  | {
      readonly kind: 'held';
      readonly round: number;
      readonly release: string;
      readonly emulated: boolean;
      readonly fetchMs: number;
      readonly verifyMs: number;
      readonly openMs: number;
      readonly bytes: number;
      /** Metrics of the aggregate, as the release carries them. */
      readonly metrics: Readonly<Record<string, number>>;
      readonly contributions: number;
    }
  | {
      readonly kind: 'reconnecting';
      readonly delayMs: number;
      /** Fault or refusal code of what ended the last session. */
      readonly code: string;
      /** In our own words. */
      readonly because: string;
    }
  | { readonly kind: 'left' }
  | { readonly kind: 'ended'; readonly phase: 'finished' | 'stopped'; readonly release: string | null };

/** Takes events as they happen; must return quickly and not throw. */
export type EventSink = (event: ParticipantEvent) => void;
