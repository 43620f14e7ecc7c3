import type { AttestedAggregator } from '#shared/attestation/attested.ts';
import type { AppraisalPolicy } from '#shared/attestation/policy.ts';
import { equalBytes, toHex } from '#shared/bytes/bytes.ts';
import { giveBack } from '#shared/bytes/give-back.ts';
import type { CryptoPort } from '#shared/crypto/port.ts';
import { decodeEnvelope } from '#shared/dsse/dsse.ts';
import { PAYLOAD_TYPES } from '#shared/dsse/types.ts';
import { assert, Fault } from '#shared/fault/fault.ts';
import { attestReleaseBy } from '#shared/release/attest-release.ts';
import { payloadBytesMax, type ReleasePrelude } from '#shared/release/body.ts';
import { openRelease } from '#shared/release/open-release.ts';
import { decodeStatement, type ReleaseStatement, STATEMENT_FILE_BYTES_MAX } from '#shared/release/statement.ts';
import { type ChainPlace, type VerifiedRelease, verifyReleaseChain } from '#shared/release/verify-release.ts';
import type { Study } from '#shared/study/study.ts';
import type { Clock } from './clock.ts';
import type { EventSink } from './events.ts';
import type { HostClient } from './host.ts';
import type { HeldRelease, IncomingRelease, ReleaseStore } from './release-store.ts';

/** Whose releases to follow, under which policies, and who opens them. */
export interface Follower {
  readonly study: Study;
  /** Every one must hold for the evidence in every statement. */
  readonly policies: readonly AppraisalPolicy[];
  /** Id in the manifest and X-Wing secret seed, 32 bytes. */
  readonly recipient: { readonly id: string; readonly secretKey: Uint8Array };
  readonly store: ReleaseStore;
}

/** What following needs of the world. */
export interface FollowerPorts {
  readonly host: HostClient;
  readonly crypto: CryptoPort;
  readonly clock: Clock;
  readonly onEvent: EventSink;
}

/** Brings the store from the newest release that it holds to the one that is wanted, over a chain without gaps. */
export class ReleaseFollower {
  readonly #follower: Follower;
  readonly #ports: FollowerPorts;

  constructor(follower: Follower, ports: FollowerPorts) {
    this.#follower = follower;
    this.#ports = ports;
  }

  newest(): Promise<HeldRelease | undefined> {
    return this.#follower.store.newest();
  }

  async holds(release: Uint8Array): Promise<boolean> {
    const held = await this.newest();
    return held !== undefined && equalBytes(held.digest, release);
  }

  /** What the host, which nobody trusts, names as the newest release. */
  newestAtHost(signal: AbortSignal): Promise<Uint8Array | undefined> {
    return this.#ports.host.newestRelease(this.#follower.study.digest, signal);
  }

  /** Digest of a release in hex, or `null`. */
  name(release: HeldRelease | undefined): string | null {
    return release === undefined ? null : toHex(release.digest);
  }

  /**
   * Fetches, verifies, opens and stores `release` (32 bytes) unless it is held already. Every statement between it
   * and the newest one held is verified too; with nothing held, every one since release 0.
   * @throws Fault - RELEASE_INVALID, ENCLAVE_SIGNATURE_INVALID, EVIDENCE_REFUSED: the release is not what it claims.
   * RELEASE_UNCHAINED: it does not follow what is held (a fork or a roll-back). RELEASE_SEALED: not for this key.
   * CONNECTION_LOST: the host did not give it
   */
  async follow(release: Uint8Array, signal: AbortSignal): Promise<void> {
    const { clock, crypto, onEvent } = this.#ports;
    const { study, policies, store } = this.#follower;
    const held = await this.newest();
    if (held !== undefined && equalBytes(held.digest, release)) return;
    const startedMs = clock.monotonicMs();
    const files = await this.#statementsUpTo(release, held, signal);
    const fetchedMs = clock.monotonicMs();
    const verified = await verifyReleaseChain(
      files,
      { manifestDigest: study.digest, place: placeAfter(held), attest: attestReleaseBy(policies, crypto) },
      crypto,
    );
    const last = verified.at(-1);
    const file = files.at(-1);
    assert(
      last !== undefined && file !== undefined && equalBytes(last.release, release),
      'the chain ends at the release',
    );
    this.#requireModel(last.statement);
    const verifiedMs = clock.monotonicMs();
    const download = new Download(this.#ports.host.payload(release, payloadBytesMax(last.statement), signal), clock);
    const prelude = await this.#openInto(store, last, file, download);
    const openedMs = clock.monotonicMs();
    onEvent({
      kind: 'held',
      round: last.statement.round,
      release: toHex(release),
      emulated: last.proof.emulated,
      fetchMs: fetchedMs - startedMs + download.waitedMs,
      verifyMs: verifiedMs - fetchedMs,
      openMs: openedMs - verifiedMs - download.waitedMs,
      bytes: download.bytes,
      ...prelude,
    });
  }

  /** Opens a verified release while its payload arrives, and keeps both; an unfit payload leaves nothing behind. */
  async #openInto(
    store: ReleaseStore,
    release: VerifiedRelease<AttestedAggregator>,
    statement: Uint8Array,
    download: Download,
  ): Promise<ReleasePrelude> {
    const incoming = await store.incoming();
    try {
      const { weights, prelude } = await this.#open(release, download.into(incoming));
      const { round, previous } = release.statement;
      await incoming.keep({ digest: release.release, round, previous, statement, weights });
      return prelude;
    } catch (cause) {
      await incoming.discard();
      throw cause;
    }
  }

  /**
   * Statement files from behind `held` up to `release`, oldest first. Walks back by digest: each statement names the
   * one before it, so nothing but the genuine chain fits, whatever the host answers.
   */
  async #statementsUpTo(
    release: Uint8Array,
    held: HeldRelease | undefined,
    signal: AbortSignal,
  ): Promise<readonly Uint8Array[]> {
    const files: Uint8Array[] = [];
    let wanted = release;
    let below = Number.POSITIVE_INFINITY;
    for (;;) {
      const file = await this.#ports.host.statement(wanted, signal);
      const { round, previous } = this.#statementNamed(wanted, file);
      files.push(file);
      if (held === undefined ? round === 0 : equalBytes(previous, held.digest)) return files.toReversed();
      if (round === 0 || round >= below || (held !== undefined && round <= held.round)) {
        const from = held === undefined ? 'release 0' : `release ${held.round}, ${toHex(held.digest)}, which is held`;
        throw new Fault('RELEASE_UNCHAINED', `release ${toHex(release)} does not follow from ${from}`);
      }
      below = round;
      wanted = previous;
    }
  }

  /** Decoded only, to be verified with its chain; but it is the one with this digest. */
  #statementNamed(release: Uint8Array, file: Uint8Array): ReleaseStatement {
    const payload = decodeEnvelope(PAYLOAD_TYPES.inToto, file, STATEMENT_FILE_BYTES_MAX)?.signed.payload;
    const statement = payload === undefined ? undefined : decodeStatement(payload);
    if (payload === undefined || statement === undefined) {
      throw new Fault('RELEASE_INVALID', 'the host gave a statement that is not as the protocol says');
    }
    const found = this.#ports.crypto.digest('sha256', payload);
    if (!equalBytes(found, release)) {
      throw new Fault('RELEASE_INVALID', `the host gave statement ${toHex(found)}, expected ${toHex(release)}`);
    }
    // The host may name a chain of its own making: rounds fall along it, so this bounds how much of it is fetched.
    const { count } = this.#follower.study.manifest.rounds;
    if (statement.round <= count) return statement;
    throw new Fault('RELEASE_INVALID', `the host gave a release of round ${statement.round}; the study has ${count}`);
  }

  #requireModel({ round, layoutDigest, tensorBytes }: ReleaseStatement): void {
    const { layout } = this.#follower.study;
    if (equalBytes(layoutDigest, layout.digest) && tensorBytes === layout.bytes) return;
    throw new Fault('RELEASE_INVALID', `release ${round} holds another model than the manifest describes`);
  }

  async #open(
    release: VerifiedRelease<AttestedAggregator>,
    payload: AsyncIterable<Uint8Array>,
  ): Promise<{ weights: Float32Array; prelude: ReleasePrelude }> {
    const { recipient, study } = this.#follower;
    const weights = new Float32Array(study.layout.parameterCount);
    const receiver = { recipient: recipient.id, secretKey: recipient.secretKey, target: weights };
    return { prelude: await openRelease(release, payload, receiver, this.#ports.crypto), weights };
  }
}

/** A payload as it arrives: measured, handed on, and freed piece by piece. */
class Download {
  readonly #pieces: AsyncIterable<Uint8Array>;
  readonly #clock: Clock;
  bytes = 0;
  /** How long the pieces were waited for. */
  waitedMs = 0;

  constructor(pieces: AsyncIterable<Uint8Array>, clock: Clock) {
    this.#pieces = pieces;
    this.#clock = clock;
  }

  async *into(incoming: IncomingRelease): AsyncGenerator<Uint8Array, void, undefined> {
    let sinceMs = this.#clock.monotonicMs();
    for await (const piece of this.#pieces) {
      this.waitedMs += this.#clock.monotonicMs() - sinceMs;
      this.bytes += piece.length;
      await incoming.write(piece);
      yield piece;
      // The reader asks for the next one when it has done with this one.
      giveBack(piece);
      sinceMs = this.#clock.monotonicMs();
    }
  }
}

function placeAfter(held: HeldRelease | undefined): ChainPlace {
  return held === undefined ? { kind: 'first' } : { kind: 'after', release: held.digest, round: held.round };
}
