import { equalBytes, toHex } from '#shared/bytes/bytes.ts';
import { giveBack } from '#shared/bytes/give-back.ts';
import type { CryptoPort, KeyPair } from '#shared/crypto/port.ts';
import type { RefusalCode } from '#shared/fault/codes.ts';
import { assert } from '#shared/fault/fault.ts';
import { accepted, refused, type Verdict } from '#shared/fault/verdict.ts';
import type { MessageBody } from '#shared/protocol/messages.ts';
import { tensorRange } from '#shared/stream/chunk-stream.ts';
import type { Study, StudyParticipant } from '#shared/study/study.ts';
import { CANNOT_OPEN, openUpdateHeader, type VerifiedUpdateHeader } from '#shared/update/header.ts';
import { UpdateOpener } from '#shared/update/open-update.ts';
import { decodePrelude } from '#shared/update/prelude.ts';
import type { AggregationArena } from '../aggregation/arena.ts';
import { contributionWeight } from '../aggregation/mean.ts';
import type { Clock } from '../ports/clock.ts';
import { type Contribution, validateContribution } from './contribution.ts';
import { MetricMeans } from './metrics.ts';
import type { StagingSlots } from './slots.ts';

/** What one attempt of one round works with. */
export interface AttemptContext {
  readonly study: Study;
  readonly round: number;
  readonly attempt: number;
  readonly baseRelease: Uint8Array;
  readonly chunkBytes: number;
  readonly roundKey: KeyPair;
  readonly arena: AggregationArena;
  readonly slots: StagingSlots;
  readonly crypto: CryptoPort;
  readonly clock: Clock;
  /** Uploads that ended with the attempt before: chunks of theirs may still be on their way. */
  readonly ended: EndedUploads;
}

/** The update id, in hex, of each participant's upload that ended last. */
export type EndedUploads = ReadonlyMap<string, string>;

/** What became of a chunk. `stale` ones belong to an upload that ended while they were on their way. */
export type ChunkOutcome =
  | { readonly kind: 'stale' }
  | { readonly kind: 'taken'; readonly next: number }
  | { readonly kind: 'tampered'; readonly code: RefusalCode }
  | { readonly kind: 'refused'; readonly updateId: Uint8Array; readonly code: RefusalCode; readonly detail: string }
  | { readonly kind: 'counted'; readonly updateId: Uint8Array; readonly updateDigest: Uint8Array };

/** What became of a `begin`: a place in line (the grant comes through `granted`), or the receipt it had already. */
export type BeginOutcome =
  | { readonly kind: 'queued' }
  | { readonly kind: 'counted-before'; readonly updateId: Uint8Array; readonly updateDigest: Uint8Array };

/** How the attempt speaks to the participant whose upload it is. */
export interface UploadEvents {
  granted(updateId: Uint8Array, next: number): void;
  preempted(updateId: Uint8Array): void;
}

/** Headers taken from one participant: an honest one seals three times at most, and each leaves its id behind. */
const HEADERS_MAX = 64;

interface Upload {
  readonly header: VerifiedUpdateHeader;
  readonly opener: UpdateOpener;
  events: UploadEvents;
  slot: number | undefined;
  next: number;
  contribution: Contribution | undefined;
}

interface Counted {
  readonly updateId: Uint8Array;
  readonly updateDigest: Uint8Array;
}

/**
 * The intake of one attempt: opens, validates and folds updates. An update touches the sums only after its last chunk
 * has opened and every value of it is known to be finite. The round key lives and dies here.
 */
export class AttemptIntake {
  readonly #context: AttemptContext;
  readonly #uploads = new Map<string, Upload>();
  readonly #ended: Map<string, string>;
  readonly #usedIds = new Set<string>();
  readonly #headers = new Map<string, number>();
  readonly #counted = new Map<string, Counted>();
  readonly #metrics = new MetricMeans();
  #weight = 0;
  #openMs = 0;
  #foldMs = 0;
  #open = true;

  constructor(context: AttemptContext) {
    this.#context = context;
    this.#ended = new Map(context.ended);
    context.arena.reset();
  }

  /** Takes a signed header of a member of the cohort. */
  begin(
    participant: StudyParticipant,
    signed: MessageBody<'begin'>['header'],
    events: UploadEvents,
  ): Verdict<BeginOutcome> {
    assert(this.#open, 'a closed attempt takes no headers');
    const { study, round, attempt, baseRelease, chunkBytes, crypto } = this.#context;
    const expected = {
      participant: participant.id,
      identityKey: participant.identityKey,
      manifestDigest: study.digest,
      round,
      attempt,
      baseRelease,
      layoutDigest: study.layout.digest,
      chunkBytes,
      tensorBytes: study.layout.bytes,
    };
    const verdict = openUpdateHeader(signed, expected, crypto);
    if (verdict.kind === 'refused') return verdict;
    const header = verdict.value;
    const present = this.#uploads.get(participant.id);
    if (present !== undefined && equalBytes(present.header.payload, header.payload)) return resume(present, events);
    const counted = this.#counted.get(participant.id);
    if (counted !== undefined) {
      return equalBytes(counted.updateId, header.updateId)
        ? accepted({ kind: 'counted-before', ...counted })
        : refused('UPDATE_DUPLICATE', 'an update of this participant counts already in this round');
    }
    if (this.#usedIds.has(toHex(header.updateId))) {
      return refused('UPDATE_REPLAYED', 'the update id was used before; draw a new one for each update');
    }
    if ((this.#headers.get(participant.id) ?? 0) >= HEADERS_MAX) {
      return refused('SERVER_BUSY', `${HEADERS_MAX} headers were taken from this participant; wait for the next round`);
    }
    return this.#admit(participant.id, header, events);
  }

  #admit(owner: string, header: VerifiedUpdateHeader, events: UploadEvents): Verdict<BeginOutcome> {
    const { roundKey, crypto } = this.#context;
    const opener = UpdateOpener.create(header, roundKey.secretKey, crypto);
    // A header whose encapsulated key does not decapsulate gets the answer of everything that cannot be opened.
    if (opener === undefined) return refused('UPDATE_REJECTED', CANNOT_OPEN);
    this.#drop(owner);
    this.#usedIds.add(toHex(header.updateId));
    this.#headers.set(owner, (this.#headers.get(owner) ?? 0) + 1);
    const upload: Upload = {
      header,
      opener,
      events,
      slot: undefined,
      next: 0,
      contribution: undefined,
    };
    this.#uploads.set(owner, upload);
    this.#requestSlot(owner);
    return accepted({ kind: 'queued' });
  }

  #requestSlot(owner: string): void {
    const { slots, clock } = this.#context;
    slots.request(
      owner,
      clock.monotonicMs(),
      (slot) => this.#granted(owner, slot),
      () => this.#preempted(owner),
    );
  }

  #granted(owner: string, slot: number): void {
    const upload = this.#uploads.get(owner);
    assert(upload !== undefined, 'only uploads wait for a slot');
    upload.slot = slot;
    upload.events.granted(upload.header.updateId, upload.next);
  }

  /** What was staged is lost with the place; the participant may begin the same upload again. */
  #preempted(owner: string): void {
    const upload = this.#uploads.get(owner);
    assert(upload !== undefined, 'only uploads hold a slot');
    const updateId = toHex(upload.header.updateId);
    this.#uploads.delete(owner);
    this.#usedIds.delete(updateId);
    this.#headers.set(owner, (this.#headers.get(owner) ?? 1) - 1);
    this.#ended.set(owner, updateId);
    upload.opener.wipe();
    upload.events.preempted(upload.header.updateId);
  }

  /** Takes the next chunk of `owner`'s upload. */
  async chunk(owner: string, updateId: Uint8Array, index: number, sealed: Uint8Array): Promise<ChunkOutcome> {
    const upload = this.#uploads.get(owner);
    if (upload === undefined || !equalBytes(upload.header.updateId, updateId)) {
      const stale = this.#ended.get(owner) === toHex(updateId);
      return stale ? { kind: 'stale' } : { kind: 'tampered', code: 'CHUNK_FOREIGN' };
    }
    if (upload.slot === undefined) return { kind: 'tampered', code: 'CHUNK_FOREIGN' };
    if (index < upload.next) return { kind: 'tampered', code: 'CHUNK_REPEATED' };
    if (index > upload.next) return { kind: 'tampered', code: 'CHUNK_MISSING' };
    const { min, max } = upload.opener.sealedBytes(index);
    if (sealed.length < min || sealed.length > max) return { kind: 'tampered', code: 'CHUNK_MALFORMED' };
    const startMs = this.#context.clock.monotonicMs();
    const plaintext = await upload.opener.open(index, sealed);
    this.#openMs += this.#context.clock.monotonicMs() - startMs;
    // While it was being opened the attempt may have closed, the upload may have lost its place, or a newer session
    // of the same participant may have sent the same chunk.
    const current = this.#open && this.#uploads.get(owner) === upload && upload.next === index;
    if (!current || upload.slot === undefined) return { kind: 'stale' };
    if (plaintext === undefined) return this.#refuse(owner, upload, 'UPDATE_REJECTED', CANNOT_OPEN);
    const verdict = index === 0 ? this.#prelude(upload, plaintext) : this.#stage(upload, upload.slot, index, plaintext);
    if (verdict.kind === 'refused') return this.#refuse(owner, upload, verdict.code, verdict.detail);
    upload.next = index + 1;
    this.#context.slots.progressed(upload.slot, this.#context.clock.monotonicMs());
    return upload.next === upload.opener.chunkCount ? this.#count(owner, upload) : { kind: 'taken', next: upload.next };
  }

  #prelude(upload: Upload, plaintext: Uint8Array): Verdict<void> {
    const prelude = decodePrelude(plaintext);
    if (prelude === undefined) return refused('UPDATE_REJECTED', CANNOT_OPEN);
    const verdict = validateContribution(prelude, this.#context.study.manifest.aggregation);
    if (verdict.kind === 'refused') return verdict;
    upload.contribution = verdict.value;
    return accepted(undefined);
  }

  #stage(upload: Upload, slot: number, index: number, plaintext: Uint8Array): Verdict<void> {
    const { start } = tensorRange(upload.header, index);
    const finite = this.#context.arena.stage(slot, start, plaintext);
    giveBack(plaintext);
    return finite
      ? accepted(undefined)
      : refused('UPDATE_NOT_FINITE', 'the update holds NaN, an infinity or a value beyond 2^64');
  }

  #count(owner: string, upload: Upload): ChunkOutcome {
    const { arena, study, clock } = this.#context;
    assert(upload.slot !== undefined && upload.contribution !== undefined, 'a whole update is staged and validated');
    assert(!this.#counted.has(owner), 'nobody is counted twice');
    const weight = contributionWeight(study.manifest.aggregation.weighting, upload.contribution.examples);
    const startMs = clock.monotonicMs();
    arena.fold(upload.slot, weight);
    this.#foldMs += clock.monotonicMs() - startMs;
    this.#weight += weight;
    this.#metrics.add(upload.contribution.metrics, weight);
    const counted = { updateId: upload.header.updateId, updateDigest: upload.opener.digest() };
    this.#counted.set(owner, counted);
    this.#drop(owner);
    return { kind: 'counted', ...counted };
  }

  #refuse(owner: string, upload: Upload, code: RefusalCode, detail: string): ChunkOutcome {
    this.#drop(owner);
    return { kind: 'refused', updateId: upload.header.updateId, code, detail };
  }

  /** Ends an upload, if there is one, and frees its place. */
  #drop(owner: string): void {
    const upload = this.#uploads.get(owner);
    if (upload === undefined) return;
    this.#uploads.delete(owner);
    this.#ended.set(owner, toHex(upload.header.updateId));
    upload.opener.wipe();
    this.#context.slots.release(owner, this.#context.clock.monotonicMs());
  }

  /** Time spent on opening and on folding so far, whole microseconds. */
  effort(): { readonly openUs: number; readonly foldUs: number } {
    return { openUs: Math.round(this.#openMs * 1000), foldUs: Math.round(this.#foldMs * 1000) };
  }

  /** Updates in flight, by participant: what a closing attempt must refuse. */
  inFlight(): readonly { readonly participant: string; readonly updateId: Uint8Array }[] {
    return [...this.#uploads].map(([participant, { header }]) => ({ participant, updateId: header.updateId }));
  }

  /** Takes slots away from uploads that stand still while others wait. */
  serveSlots(): void {
    this.#context.slots.serve(this.#context.clock.monotonicMs());
  }

  /** Ends the attempt: no chunk is taken any more, keys are overwritten. The staging slots go with the attempt. */
  close(): EndedUploads {
    this.#open = false;
    for (const [owner, { opener, header }] of this.#uploads) {
      opener.wipe();
      this.#ended.set(owner, toHex(header.updateId));
    }
    this.#uploads.clear();
    this.#context.roundKey.secretKey.fill(0);
    return this.#ended;
  }

  /** Adds the mean of what was counted to `model`, in place, and gives the metrics. Only after `close`. */
  finish(model: Float32Array): { readonly metrics: Readonly<Record<string, number>>; readonly contributions: number } {
    assert(!this.#open, 'an attempt is finished after it was closed');
    assert(this.#counted.size > 0 && this.#weight > 0, 'a mean is over at least one update');
    this.#context.arena.applyMean(model, this.#weight);
    return { metrics: this.#metrics.means(), contributions: this.#counted.size };
  }
}

/** A participant that comes back with the same header goes on where its upload stood. */
function resume(upload: Upload, events: UploadEvents): Verdict<BeginOutcome> {
  upload.events = events;
  if (upload.slot !== undefined) events.granted(upload.header.updateId, upload.next);
  return accepted({ kind: 'queued' });
}
