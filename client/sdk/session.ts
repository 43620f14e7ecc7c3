import type { AttestedAggregator } from '#shared/attestation/attested.ts';
import { giveBack } from '#shared/bytes/give-back.ts';
import type { CryptoPort } from '#shared/crypto/port.ts';
import { Fault, unreachable } from '#shared/fault/fault.ts';
import { SealedChannel } from '#shared/protocol/channel.ts';
import { chunkFrame, decodeFrame, type Frame } from '#shared/protocol/frames.ts';
import type { TrafficKeys } from '#shared/protocol/handshake.ts';
import {
  decodeToParticipant,
  encodeMessage,
  type MessageBody,
  type ToEnclave,
  type ToParticipant,
} from '#shared/protocol/messages.ts';
import type { Transport } from './transport.ts';

/** A session proper: both ends authenticated, typed messages in order. One caller at a time. */
export interface Session {
  readonly attested: AttestedAggregator;
  readonly welcome: MessageBody<'welcome'>;
  /** Resolves when there is room for more. Rejects with `CONNECTION_LOST`. */
  send(message: ToEnclave): Promise<void>;
  /** Sends one sealed chunk of an update (16-byte id); `sealed` is consumed. Same contract as `send`. */
  sendChunk(updateId: Uint8Array, index: number, sealed: Uint8Array): Promise<void>;
  /**
   * The next message that has arrived, or `undefined` when none waits.
   * @throws Fault - CONNECTION_LOST after the last one; SESSION_TAMPERED for a frame that is not the next genuine one
   */
  poll(): Promise<ToParticipant | undefined>;
  /** Resolves when `poll` has something to say. */
  readable(): Promise<void>;
  /** Ends the connection and wipes the keys. */
  close(): void;
}

/** Opens sealed frames in order and gives what they hold; every deviation ends the session. */
export class SessionChannel {
  readonly #transport: Transport;
  readonly #channel: SealedChannel;

  constructor(transport: Transport, keys: TrafficKeys, crypto: CryptoPort) {
    this.#transport = transport;
    this.#channel = new SealedChannel(keys, 'participant', crypto);
  }

  async poll(): Promise<ToParticipant | undefined> {
    const bytes = this.#transport.poll();
    return bytes === undefined ? undefined : this.open(bytes);
  }

  /** The message in `bytes`, the next frame that arrived. */
  async open(bytes: Uint8Array): Promise<ToParticipant> {
    const frame = decodeFrame(bytes);
    if (frame?.kind !== 'sealed') throw tampered('FRAME_MALFORMED', describe(frame));
    const opened = await this.#channel.open(frame);
    switch (opened.kind) {
      case 'tampered':
        throw tampered(opened.code, `sequence ${frame.sequence}`);
      case 'opened': {
        const message = decodeToParticipant(opened.plaintext);
        // It opened, so the attested enclave sent it: not tampering, but nothing that this version understands.
        if (message === undefined) {
          throw new Fault('ENCLAVE_STATEMENT_WRONG', 'the enclave sent a message that is not in the message table');
        }
        return message;
      }
      default:
        return unreachable(opened);
    }
  }

  readable(): Promise<void> {
    return this.#transport.readable();
  }

  async send(message: ToEnclave): Promise<void> {
    await this.#transport.send(await this.#channel.seal(encodeMessage(message)));
  }

  sendChunk(updateId: Uint8Array, index: number, sealed: Uint8Array): Promise<void> {
    const frame = chunkFrame(updateId, index, sealed);
    // Left to the collector, frames pile up faster than it runs: bulk memory is given back as soon as it is free.
    giveBack(sealed);
    return this.#transport.send(frame, () => giveBack(frame));
  }

  close(): void {
    this.#transport.close();
    this.#channel.wipe();
  }
}

function describe(frame: Frame | undefined): string {
  return frame === undefined ? 'a frame of no known kind or size' : `a frame of kind ${frame.kind}`;
}

function tampered(code: string, what: string): Fault {
  return new Fault('SESSION_TAMPERED', `${code}: ${what} arrived in place of the next sealed frame; joining anew`);
}
