import { readFile } from 'node:fs/promises';
import type { IncomingMessage } from 'node:http';
import { type Answer, json, jsonBytes, problem } from './answer.ts';
import type { CommandQueue } from './command-queue.ts';
import { commandNameOf } from './envelope.ts';
import { type Counters, metricsText } from './health.ts';
import { HOST_LIMITS } from './limits.ts';
import type { ReleaseStore, StoredRelease } from './release-store.ts';
import type { StudyShelf } from './study-shelf.ts';

/** What the routes show. */
export interface Shown {
  readonly shelf: StudyShelf;
  readonly releases: ReleaseStore;
  readonly commands: CommandQueue;
  readonly counters: Counters;
  readonly queueLabel: string;
  readonly enclaveConnected: () => boolean;
}

/** One request, taken apart. */
export interface Call {
  readonly request: IncomingMessage;
  /** Captured parts of the path. */
  readonly parts: readonly string[];
  readonly query: URLSearchParams;
  /** Aborted when the client goes away or the host stops. */
  readonly gone: AbortSignal;
}

interface Route {
  readonly method: 'GET' | 'POST';
  readonly pattern: RegExp;
  readonly answer: (call: Call, shown: Shown) => Answer | Promise<Answer>;
}

const DIGEST = /^[0-9a-f]{64}$/;
const COMMAND_ID = /^command-[0-9a-f]{64}$/;

/** Every route of docs/protocol.md section 9, and the counters for the operator. */
export const ROUTES: readonly Route[] = [
  { method: 'GET', pattern: /^\/healthz$/, answer: health },
  { method: 'GET', pattern: /^\/metrics$/, answer: metrics },
  { method: 'GET', pattern: /^\/v1\/studies$/, answer: studies },
  { method: 'GET', pattern: /^\/v1\/studies\/([^/]+)\/(manifest|evidence|status|releases)$/, answer: study },
  { method: 'GET', pattern: /^\/v1\/releases\/([^/]+)\/statement$/, answer: statement },
  { method: 'GET', pattern: /^\/v1\/releases\/([^/]+)\/payload$/, answer: payload },
  { method: 'POST', pattern: /^\/v1\/commands$/, answer: postCommand },
  { method: 'GET', pattern: /^\/v1\/commands\/([^/]+)$/, answer: command },
];

function health(_call: Call, shown: Shown): Answer {
  return json({ status: 'ok', enclave: shown.enclaveConnected(), queue: shown.queueLabel });
}

function metrics(_call: Call, shown: Shown): Answer {
  return { kind: 'bytes', type: 'text/plain; version=0.0.4', bytes: Buffer.from(metricsText(shown.counters)) };
}

function studies(_call: Call, shown: Shown): Answer {
  return json(shown.shelf.list().map(({ manifestDigest, name }) => ({ manifestDigest, name })));
}

function study({ parts: [digest = '', what] }: Call, { shelf, releases }: Shown): Answer {
  if (!DIGEST.test(digest)) return badDigest();
  const found = shelf.find(digest);
  if (found === undefined) return problem(404, 'STUDY_UNKNOWN', 'no study with this manifest digest is served here');
  if (what === 'manifest') return jsonBytes(found.manifest);
  if (what === 'releases') return json(releases.list(digest).map(({ round, release }) => ({ round, release })));
  const bytes = what === 'evidence' ? found.evidence : found.status;
  return bytes === undefined
    ? problem(404, 'NOT_YET', 'the enclave has not sent this yet; try again')
    : jsonBytes(bytes);
}

async function statement({ parts: [digest = ''], query, gone }: Call, { releases, counters }: Shown): Promise<Answer> {
  if (!DIGEST.test(digest)) return badDigest();
  const waitText = query.get('waitMs') ?? '0';
  const waitMs = /^\d{1,5}$/.test(waitText) ? Number(waitText) : Number.NaN;
  if (!(waitMs <= HOST_LIMITS.longPollMs)) {
    return problem(400, 'WAIT_INVALID', `waitMs must be a whole number from 0 to ${HOST_LIMITS.longPollMs}`);
  }
  let stored = releases.find(digest);
  if (stored === undefined && waitMs > 0) {
    if (counters.longPollsOpen >= HOST_LIMITS.longPollsMax)
      return problem(503, 'SERVER_BUSY', 'too many wait; try again');
    counters.longPollsOpen += 1;
    stored = await releases.waitFor(digest, AbortSignal.any([gone, AbortSignal.timeout(waitMs)]));
    counters.longPollsOpen -= 1;
  }
  return stored === undefined ? unknownRelease() : jsonBytes(await readStatementFile(releases, stored));
}

async function readStatementFile(releases: ReleaseStore, stored: StoredRelease): Promise<Uint8Array> {
  return readFile(releases.statementPath(stored));
}

function payload({ parts: [digest = ''] }: Call, { releases }: Shown): Answer {
  if (!DIGEST.test(digest)) return badDigest();
  const stored = releases.find(digest);
  if (stored === undefined) return unknownRelease();
  if (stored.payloadBytes === undefined) {
    return problem(410, 'RELEASE_EXPIRED', 'the payload of this release has expired; newer ones are kept');
  }
  return { kind: 'file', path: releases.payloadPath(stored), length: stored.payloadBytes };
}

async function postCommand({ request }: Call, { commands, counters }: Shown): Promise<Answer> {
  const body = await readBody(request, HOST_LIMITS.commandBytesMax);
  if (body === undefined) {
    return problem(413, 'BODY_TOO_LARGE', `a command is at most ${HOST_LIMITS.commandBytesMax} bytes`);
  }
  if (commandNameOf(body) === undefined) {
    return problem(400, 'COMMAND_MALFORMED', 'the body is not a signed command in its DSSE file form');
  }
  const id = await commands.add(body);
  if (id === undefined) return problem(503, 'SERVER_BUSY', 'too many commands wait; try again');
  counters.commandsQueued += 1;
  return json({ id }, 202);
}

async function command({ parts: [id = ''] }: Call, { commands }: Shown): Promise<Answer> {
  if (!COMMAND_ID.test(id)) return problem(400, 'COMMAND_ID_INVALID', 'a command id is "command-" and 64 hex digits');
  const state = await commands.state(id);
  return state === undefined ? problem(404, 'COMMAND_UNKNOWN', 'no command with this id is known here') : json(state);
}

/** The body when it has at most `bytesMax` bytes; reading stops at the first byte too many. */
async function readBody(request: IncomingMessage, bytesMax: number): Promise<Uint8Array | undefined> {
  const pieces: Buffer[] = [];
  let length = Number(request.headers['content-length'] ?? 0);
  if (length > bytesMax) return undefined;
  length = 0;
  // Not for await: leaving that loop early would destroy the socket that the refusal has to travel on.
  return new Promise((resolve, reject) => {
    request.on('data', (piece: Buffer) => {
      length += piece.length;
      pieces.push(piece);
      if (length <= bytesMax) return;
      request.pause();
      resolve(undefined);
    });
    request.once('end', () => resolve(new Uint8Array(Buffer.concat(pieces))));
    request.once('error', reject);
  });
}

function badDigest(): Answer {
  return problem(400, 'DIGEST_INVALID', 'a digest is 64 lower-case hexadecimal digits');
}

function unknownRelease(): Answer {
  return problem(404, 'RELEASE_UNKNOWN', 'no release with this digest is stored here');
}
