import { type Static, Type } from '@sinclair/typebox';
import { Value } from '@sinclair/typebox/value';
import { concat, fromHex, textOf, toHex } from '#shared/bytes/bytes.ts';
import { Fault } from '#shared/fault/fault.ts';
import { STATEMENT_FILE_BYTES_MAX } from '#shared/release/statement.ts';
import { httpGet, httpPieces } from './http.ts';

const LIST_BYTES_MAX = 16 * 1024 * 1024;

/** How long the host is asked to wait for a release that is on its way (docs/protocol.md section 9). */
const STATEMENT_WAIT_MS = 30_000;

/** What the participant takes from the untrusted host (docs/protocol.md section 9). Every byte of it is verified later. */
export interface HostClient {
  /** The DSSE envelope of a release; waits until the host has it. */
  statement(release: Uint8Array, signal: AbortSignal): Promise<Uint8Array>;
  /** The sealed payload of a release, at most `bytesMax` bytes, in pieces of any size as they arrive. */
  payload(release: Uint8Array, bytesMax: number, signal: AbortSignal): AsyncIterable<Uint8Array>;
  /** Digest of the newest release that the host knows of, or `undefined` when there is none. A hint. */
  newestRelease(manifestDigest: Uint8Array, signal: AbortSignal): Promise<Uint8Array | undefined>;
}

const ReleaseListSchema = Type.Array(
  Type.Object(
    { round: Type.Integer({ minimum: 0, maximum: 0xffffffff }), release: Type.String({ pattern: '^[0-9a-f]{64}$' }) },
    { additionalProperties: false },
  ),
);

/** A host over HTTP. `origin` such as `http://127.0.0.1:8443`. */
export function httpHost(origin: URL): HostClient {
  const get = async (
    path: string,
    bytesMax: number,
    signal: AbortSignal,
    waitMs = 0,
  ): Promise<readonly Uint8Array[]> => {
    const answer = await httpGet({ url: new URL(path, origin), bytesMax, waitMs, signal });
    if (answer.kind === 'ok') return answer.pieces;
    throw new Fault('CONNECTION_LOST', `the host answered ${path} with status ${answer.status}, expected 200`);
  };
  return {
    async statement(release, signal) {
      const path = `/v1/releases/${toHex(release)}/statement?waitMs=${STATEMENT_WAIT_MS}`;
      return concat(...(await get(path, STATEMENT_FILE_BYTES_MAX, signal, STATEMENT_WAIT_MS)));
    },
    payload: (release, bytesMax, signal) =>
      httpPieces({ url: new URL(`/v1/releases/${toHex(release)}/payload`, origin), bytesMax, signal }),
    async newestRelease(manifestDigest, signal) {
      const body = await get(`/v1/studies/${toHex(manifestDigest)}/releases`, LIST_BYTES_MAX, signal);
      return newestOf(decodeList(concat(...body)));
    },
  };
}

function decodeList(body: Uint8Array): Static<typeof ReleaseListSchema> {
  const text = textOf(body);
  let list: unknown;
  try {
    list = JSON.parse(text ?? '');
  } catch (cause) {
    throw new Fault('CONNECTION_LOST', 'the host sent a list of releases that is not JSON', { cause });
  }
  if (!Value.Check(ReleaseListSchema, list)) {
    throw new Fault('CONNECTION_LOST', 'the host sent a list of releases that is not as the protocol says');
  }
  return list;
}

function newestOf(list: Static<typeof ReleaseListSchema>): Uint8Array | undefined {
  const [first, ...rest] = list;
  if (first === undefined) return undefined;
  const newest = rest.reduce((best, each) => (each.round > best.round ? each : best), first);
  return fromHex(newest.release);
}
