import { mkdir, readdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Type } from '@sinclair/typebox';
import type { FromHost } from '#boundary/from-host.ts';
import { BOUNDARY_LIMITS } from '#boundary/limits.ts';
import type { ToHost } from '#boundary/to-host.ts';
import { toBase64 } from '#shared/bytes/base64.ts';
import { EMPTY, toHex, utf8 } from '#shared/bytes/bytes.ts';
import { decodeJson } from '#shared/codec/json.ts';
import { Fault } from '#shared/fault/fault.ts';
import { manifestDigestOf } from './envelope.ts';
import { HOST_LIMITS } from './limits.ts';
import type { Log } from './log.ts';

/** A study to offer to the enclave: its signed manifest and, where the manifest wants them, its initial weights. */
export interface OfferedStudy {
  readonly manifestDigest: Uint8Array;
  readonly envelope: Uint8Array;
  readonly weights: Uint8Array | undefined;
}

/** What the host can show of a study. */
export interface ShownStudy {
  readonly manifestDigest: string;
  readonly name: string;
  readonly manifest: Uint8Array;
  /** JSON of section 9, base64 fields. */
  readonly evidence: Uint8Array | undefined;
  readonly status: Uint8Array | undefined;
}

type StudyMessage = Extract<ToHost, { readonly name: 'study-accepted' | 'study-refused' | 'evidence' | 'status' }>;

const NameSchema = Type.Object(
  { name: Type.String({ maxLength: BOUNDARY_LIMITS.textLengthMax }) },
  { additionalProperties: false },
);
const STUDY_FOLDER = /^[0-9a-f]{64}$/;

/** Reads a study's files. Throws `CONFIG_INVALID` when one cannot be read or the manifest is not a signed one. */
export async function readOffer(studyFile: string, weightsFile: string | undefined): Promise<OfferedStudy> {
  const envelope = await bytesOf(studyFile);
  const manifestDigest = manifestDigestOf(envelope);
  if (manifestDigest === undefined) {
    throw new Fault('CONFIG_INVALID', `${studyFile} is not a signed manifest; make one with "cloister study sign"`);
  }
  const weights = weightsFile === undefined ? undefined : await bytesOf(weightsFile);
  return { manifestDigest, envelope, weights };
}

async function bytesOf(file: string): Promise<Uint8Array> {
  try {
    return new Uint8Array(await readFile(file));
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : 'unknown error';
    throw new Fault('CONFIG_INVALID', `${file} cannot be read: ${why}`, { cause });
  }
}

/**
 * The studies of a host: offered to each enclave that connects, shown to whoever asks once the enclave has accepted
 * them, and kept on disk so that old releases stay explainable.
 */
export class StudyShelf {
  readonly #folder: string;
  readonly #offers: readonly OfferedStudy[];
  readonly #log: Log;
  readonly #shown = new Map<string, ShownStudy>();
  #answer: PromiseWithResolvers<boolean> | undefined;

  private constructor(folder: string, offers: readonly OfferedStudy[], log: Log) {
    this.#folder = folder;
    this.#offers = offers;
    this.#log = log;
  }

  /** Opens the shelf in `folder` with the studies kept there, ready to offer `offers`. */
  static async open(folder: string, offers: readonly OfferedStudy[], log: Log): Promise<StudyShelf> {
    const shelf = new StudyShelf(join(folder, 'studies'), offers, log);
    await mkdir(shelf.#folder, { recursive: true });
    for (const name of await readdir(shelf.#folder)) {
      if (STUDY_FOLDER.test(name)) await shelf.#load(name);
    }
    return shelf;
  }

  list(): readonly ShownStudy[] {
    return [...this.#shown.values()];
  }

  find(manifestDigest: string): ShownStudy | undefined {
    return this.#shown.get(manifestDigest);
  }

  /** Offers every study, one after the other. False when the connection was lost before all were answered. */
  async offer(send: (message: FromHost) => Promise<boolean>): Promise<boolean> {
    for (const study of this.#offers) {
      const answer = Promise.withResolvers<boolean>();
      this.#answer = answer;
      if (!(await sendStudy(study, send))) return false;
      if (!(await answer.promise)) return false;
    }
    return true;
  }

  /** The connection is gone: nothing more will be answered, and evidence of that enclave is no longer served. */
  disconnected(): void {
    this.#answer?.resolve(false);
    this.#answer = undefined;
    for (const [digest, study] of this.#shown) this.#shown.set(digest, { ...study, evidence: undefined });
  }

  async receive(message: StudyMessage): Promise<void> {
    switch (message.name) {
      case 'study-accepted':
        await this.#accepted(toHex(message.body.manifestDigest), message.body.name);
        this.#answer?.resolve(true);
        return;
      case 'study-refused':
        this.#log.error({ event: 'study-refused', ...message.body }, 'the enclave refused a study');
        this.#answer?.resolve(true);
        return;
      case 'evidence':
        this.#update(toHex(message.body.manifestDigest), { evidence: evidenceJson(message.body) });
        return;
      case 'status':
        this.#update(toHex(message.body.manifestDigest), { status: message.body.envelope });
    }
  }

  async #accepted(digest: string, name: string): Promise<void> {
    const offer = this.#offers.find((study) => toHex(study.manifestDigest) === digest);
    if (offer === undefined) {
      this.#log.warn({ event: 'study-unasked', manifestDigest: digest }, 'the enclave accepted a study never offered');
      return;
    }
    const known = this.#shown.get(digest);
    this.#shown.set(digest, {
      manifestDigest: digest,
      name,
      manifest: offer.envelope,
      evidence: known?.evidence,
      status: known?.status,
    });
    const folder = join(this.#folder, digest);
    await mkdir(folder, { recursive: true });
    await replaceFile(join(folder, 'manifest.dsse.json'), offer.envelope);
    await replaceFile(join(folder, 'study.json'), utf8(JSON.stringify({ name })));
    this.#log.info({ event: 'study-accepted', manifestDigest: digest, study: name });
  }

  #update(digest: string, change: Partial<Pick<ShownStudy, 'evidence' | 'status'>>): void {
    const study = this.#shown.get(digest);
    if (study !== undefined) this.#shown.set(digest, { ...study, ...change });
  }

  async #load(digest: string): Promise<void> {
    const folder = join(this.#folder, digest);
    const manifest = await readIfThere(join(folder, 'manifest.dsse.json'));
    const about = decodeJson(NameSchema, (await readIfThere(join(folder, 'study.json'))) ?? utf8(''), 64 * 1024);
    if (manifest === undefined || about === undefined) return;
    const read = manifestDigestOf(manifest);
    if (read === undefined || toHex(read) !== digest) {
      this.#log.warn(
        { event: 'study-damaged', manifestDigest: digest },
        'a stored manifest is damaged; it is not shown',
      );
      return;
    }
    this.#shown.set(digest, {
      manifestDigest: digest,
      name: about.name,
      manifest,
      evidence: undefined,
      status: undefined,
    });
  }
}

async function sendStudy(study: OfferedStudy, send: (message: FromHost) => Promise<boolean>): Promise<boolean> {
  const { manifestDigest, envelope, weights = EMPTY } = study;
  if (!(await send({ name: 'study', body: { envelope, weightsBytes: weights.length } }))) return false;
  for (let offset = 0; offset < weights.length; offset += HOST_LIMITS.payloadPieceBytes) {
    const bytes = weights.subarray(offset, offset + HOST_LIMITS.payloadPieceBytes);
    const last = offset + bytes.length === weights.length;
    if (!(await send({ name: 'study-weights', body: { manifestDigest, offset, bytes, last } }))) return false;
  }
  return true;
}

function evidenceJson(body: Extract<StudyMessage, { name: 'evidence' }>['body']): Uint8Array {
  return utf8(
    JSON.stringify({
      platform: body.platform,
      document: toBase64(body.document),
      endorsements: body.endorsements.map(({ kind, bytes }) => ({ kind, bytes: toBase64(bytes) })),
      kemKey: toBase64(body.kemKey),
      signingKey: toBase64(body.signingKey),
      nonceRoot: toBase64(body.nonceRoot),
    }),
  );
}

async function readIfThere(path: string): Promise<Uint8Array | undefined> {
  try {
    return new Uint8Array(await readFile(path));
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
}

async function replaceFile(path: string, bytes: Uint8Array): Promise<void> {
  const temporary = `${path}.new`;
  await writeFile(temporary, bytes);
  await rename(temporary, path);
}
