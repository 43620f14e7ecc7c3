import { type Static, type TSchema, Type } from '@sinclair/typebox';
import { EVIDENCE_FILE_BYTES_MAX } from '#client/evidence/evidence-file.ts';
import { httpGet } from '#client/sdk/http.ts';
import { concat, toHex } from '#shared/bytes/bytes.ts';
import { decodeJson } from '#shared/codec/json.ts';
import { Fault } from '#shared/fault/fault.ts';

const SMALL_BYTES_MAX = 512 * 1024;
const LIST_BYTES_MAX = 16 * 1024 * 1024;
const POST_SILENCE_MS = 30_000;

const digest = Type.String({ pattern: '^[0-9a-f]{64}$' });
const closed = { additionalProperties: false } as const;

const ReleasesSchema = Type.Array(
  Type.Object({ round: Type.Integer({ minimum: 0, maximum: 0xffffffff }), release: digest }, closed),
);

const PostedSchema = Type.Object({ id: Type.String({ pattern: '^[A-Za-z0-9_.:-]{1,128}$' }) }, closed);

const STATES = ['waiting', 'active', 'completed', 'failed'] as const;

const JobSchema = Type.Object(
  {
    state: Type.Union(STATES.map((state) => Type.Literal(state))),
    progress: Type.Optional(Type.Unknown()),
    result: Type.Optional(Type.Unknown()),
  },
  closed,
);

const RefusalSchema = Type.Object({
  error: Type.Object({ code: Type.String({ pattern: '^[A-Z_]{1,48}$' }), message: Type.String() }),
});

/** Where a command stands in the host's queue. */
export interface CommandJob {
  readonly state: 'waiting' | 'active' | 'completed' | 'failed';
  readonly progress?: unknown;
  readonly result?: unknown;
}

/** A host of docs/protocol.md section 9, of which nothing is believed: the callers verify what it serves. */
export class HostApi {
  readonly #origin: URL;
  readonly #signal: AbortSignal;

  constructor(origin: URL, signal: AbortSignal) {
    this.#origin = origin;
    this.#signal = signal;
  }

  /** The evidence file, as served. */
  evidence(manifestDigest: Uint8Array): Promise<Uint8Array> {
    return this.#get(`/v1/studies/${toHex(manifestDigest)}/evidence`, EVIDENCE_FILE_BYTES_MAX);
  }

  /** DSSE envelope of the enclave's status. */
  status(manifestDigest: Uint8Array): Promise<Uint8Array> {
    return this.#get(`/v1/studies/${toHex(manifestDigest)}/status`, SMALL_BYTES_MAX);
  }

  /** The releases that the host says it has, oldest round first. */
  async releases(manifestDigest: Uint8Array): Promise<readonly { readonly round: number; readonly release: string }[]> {
    const body = await this.#get(`/v1/studies/${toHex(manifestDigest)}/releases`, LIST_BYTES_MAX);
    const list = this.#decode(ReleasesSchema, body, LIST_BYTES_MAX);
    return list.toSorted((a, b) => a.round - b.round);
  }

  /** DSSE envelope of a release. `release` is its digest in hex. */
  statement(release: string): Promise<Uint8Array> {
    return this.#get(`/v1/releases/${release}/statement`, SMALL_BYTES_MAX);
  }

  /** Sealed payload of a release. */
  payload(release: string, bytesMax: number): Promise<Uint8Array> {
    return this.#get(`/v1/releases/${release}/payload`, bytesMax);
  }

  /** Puts a signed command into the queue and answers the id of its job. */
  async postCommand(envelope: Uint8Array): Promise<string> {
    const url = new URL('/v1/commands', this.#origin);
    const signal = AbortSignal.any([this.#signal, AbortSignal.timeout(POST_SILENCE_MS)]);
    const headers = { 'content-type': 'application/json' };
    let response: Response;
    let body: Uint8Array;
    try {
      response = await fetch(url, { method: 'POST', headers, body: Uint8Array.from(envelope), signal });
      body = new Uint8Array(await response.arrayBuffer());
    } catch (cause) {
      throw new Fault('CONNECTION_LOST', `no answer from ${url.origin}; is the host running there?`, { cause });
    }
    if (response.status === 202) return this.#decode(PostedSchema, body, SMALL_BYTES_MAX).id;
    const refusal = decodeJson(RefusalSchema, body, SMALL_BYTES_MAX);
    const code = response.status >= 500 ? 'CONNECTION_LOST' : 'PEER_REFUSED';
    throw new Fault(code, `the host did not take the command: ${refusal?.error.code ?? `status ${response.status}`}`);
  }

  /** Where a command stands. */
  async job(id: string): Promise<CommandJob> {
    const body = await this.#get(`/v1/commands/${encodeURIComponent(id)}`, SMALL_BYTES_MAX);
    const { state, progress, result } = this.#decode(JobSchema, body, SMALL_BYTES_MAX);
    return { state, progress, result };
  }

  async #get(path: string, bytesMax: number): Promise<Uint8Array> {
    const answer = await httpGet({ url: new URL(path, this.#origin), bytesMax, signal: this.#signal });
    if (answer.kind === 'ok') return concat(...answer.pieces);
    const hint = answer.status === 404 ? '; it may serve another study, or not have it yet' : '';
    throw new Fault('CONNECTION_LOST', `the host answered ${path} with status ${answer.status}, expected 200${hint}`);
  }

  #decode<T extends TSchema>(schema: T, body: Uint8Array, bytesMax: number): Static<T> {
    const value = decodeJson(schema, body, bytesMax);
    if (value !== undefined) return value;
    throw new Fault('CONNECTION_LOST', `${this.#origin.origin} gave an answer that the protocol does not know`);
  }
}
