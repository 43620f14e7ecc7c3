import type { ParticipantEvent } from '#client/sdk/index.ts';
import { REFUSAL_CODES } from '#shared/fault/codes.ts';
import { unreachable } from '#shared/fault/fault.ts';

/** One line for people about one event. */
export function eventText(event: ParticipantEvent): string {
  switch (event.kind) {
    case 'attested':
      return event.emulated
        ? `EMULATED enclave on ${event.platform}: its evidence holds, but nothing protects it from its operator (${ms(event.ms)})`
        : `Enclave attested on ${event.platform} (${ms(event.ms)})`;
    case 'joined':
      return `Joined; the study is ${event.phase}, round ${event.round}`;
    case 'phase':
      return `Round ${event.round}: ${event.phase}`;
    case 'roundOpened':
      return `Round ${event.round}, attempt ${event.attempt} is open for ${ms(event.remainingMs)}`;
    case 'trained':
      return `Round ${event.round}: trained in ${ms(event.ms)}`;
    case 'sealed':
      return `Round ${event.round}: sealed ${event.bytes} bytes in ${ms(event.ms)}`;
    case 'uploaded':
      return event.from === 0
        ? `Uploaded ${event.bytes} bytes in ${ms(event.ms)}`
        : `Uploaded ${event.bytes} bytes in ${ms(event.ms)}, going on from chunk ${event.from}`;
    case 'receipt':
      return `Round ${event.round}: the enclave counts the update (digest ${event.updateDigest})`;
    case 'refused':
      return `Round ${event.round}: refused with ${event.code}: ${REFUSAL_CODES[event.code].meaning}`;
    case 'declined':
      return `Round ${event.round}: declined with ${event.reason}: ${event.because}`;
    case 'released':
      return `Release ${event.round} is out: ${event.release}`;
    case 'held':
      return heldText(event);
    case 'reconnecting':
      return `Connecting again in ${ms(event.delayMs)} after ${event.code}: ${event.because}`;
    case 'left':
      return 'Left the study';
    case 'ended':
      return `The study has ${event.phase === 'finished' ? 'finished' : 'been stopped'}`;
    default:
      return unreachable(event);
  }
}

function heldText(event: Extract<ParticipantEvent, { kind: 'held' }>): string {
  const metrics = Object.entries(event.metrics).map(([name, value]) => `${name} ${value.toPrecision(4)}`);
  const emulated = event.emulated ? ' (EMULATED enclave)' : '';
  const times = `verified in ${ms(event.verifyMs)}, opened in ${ms(event.openMs)}`;
  return [`Release ${event.round}${emulated}: ${times}`, ...metrics].join(', ');
}

function ms(value: number): string {
  return value < 10_000 ? `${value.toFixed(0)} ms` : `${(value / 1000).toFixed(0)} s`;
}
