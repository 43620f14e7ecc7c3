/**
 * Opening a release: decrypts while it digests, and gives weights out only when the whole payload has proved to be the
 * one that the verified statement names.
 */
import { equalBytes } from '../bytes/bytes.ts';
import { giveBack } from '../bytes/give-back.ts';
import type { CryptoPort } from '../crypto/port.ts';
import { assert, Fault } from '../fault/fault.ts';
import { chunkCountOf, openChunk, type StreamKey, sealedSize, tensorRange } from '../stream/chunk-stream.ts';
import { decodeReleasePrelude, MAGIC, type ReleasePrelude, releaseStream, STANZAS_BYTES_MAX } from './body.ts';
import { PieceReader, type Pieces } from './piece-reader.ts';
import { decodeStanzas, openStanza } from './stanza.ts';
import type { ReleaseStatement } from './statement.ts';
import type { VerifiedRelease } from './verify-release.ts';

/** Who opens, and where the weights go. */
export interface ReleaseReceiver {
  /** Id of the recipient in the manifest. */
  readonly recipient: string;
  /** X-Wing secret seed of its release key, 32 bytes. */
  readonly secretKey: Uint8Array;
  /** `statement.tensorBytes / 4` values. All zero again when opening fails. */
  readonly target: Float32Array;
}

const IS_LITTLE_ENDIAN = new Uint8Array(Uint16Array.of(1).buffer)[0] === 1;

/**
 * Opens the payload of a verified release into `receiver.target`; takes pieces of any size and holds one chunk.
 * Nothing in `target` may be used before the promise has resolved.
 * @throws Fault `RELEASE_INVALID` for another payload, `RELEASE_SEALED` when it holds no stanza for this key.
 */
export async function openRelease(
  release: VerifiedRelease<unknown>,
  pieces: Pieces,
  receiver: ReleaseReceiver,
  crypto: CryptoPort,
): Promise<ReleasePrelude> {
  const { statement } = release;
  assert(IS_LITTLE_ENDIAN, 'weights are read in place, which needs a little-endian platform');
  assert(receiver.target.byteLength === statement.tensorBytes, 'the target holds exactly the weights of the release');
  try {
    const opened = await readPayload(statement, pieces, receiver, crypto);
    if (opened === undefined) {
      throw new Fault(
        'RELEASE_SEALED',
        `release ${statement.round} holds no stanza for this key of ${receiver.recipient}`,
      );
    }
    return opened;
  } catch (cause) {
    receiver.target.fill(0);
    throw cause;
  }
}

/**
 * Verifies a payload without opening it, for whoever holds no release key.
 * @throws Fault `RELEASE_INVALID` when it is not the payload that the statement names.
 */
export async function verifyReleasePayload(
  release: VerifiedRelease<unknown>,
  pieces: Pieces,
  crypto: CryptoPort,
): Promise<void> {
  await readPayload(release.statement, pieces, undefined, crypto);
}

/** Reads the payload to its end; the prelude when `receiver` could open it. Throws unless it is the one stated. */
async function readPayload(
  statement: ReleaseStatement,
  pieces: Pieces,
  receiver: ReleaseReceiver | undefined,
  crypto: CryptoPort,
): Promise<ReleasePrelude | undefined> {
  const hasher = crypto.hasher('sha256');
  const reader = new PieceReader(pieces, hasher);
  try {
    const stream = await takeStream(reader, statement, receiver, crypto);
    const opening = { statement, stream, target: receiver?.target };
    const prelude = await takePrelude(reader, opening, crypto);
    for (let index = 1; index < chunkCountOf(statement); index++) await takeTensors(reader, opening, index, crypto);
    if (!(await reader.isAtEnd())) throw invalid(statement, 'bytes after the last chunk');
    // Only now is the payload known to be the one that the enclave signed for; chunks alone could be a recipient's.
    if (!equalBytes(hasher.digest(), statement.payloadDigest)) throw invalid(statement, 'another digest');
    if (stream === undefined) return undefined;
    const decoded = prelude === undefined ? undefined : decodeReleasePrelude(prelude);
    if (decoded === undefined) throw invalid(statement, 'a malformed prelude');
    return decoded;
  } finally {
    await reader.close();
  }
}

/** What the chunks are opened with. Without a stream they are read for the digest alone. */
interface Opening {
  readonly statement: ReleaseStatement;
  readonly stream: StreamKey | undefined;
  readonly target: Float32Array | undefined;
}

async function takeStream(
  reader: PieceReader,
  statement: ReleaseStatement,
  receiver: ReleaseReceiver | undefined,
  crypto: CryptoPort,
): Promise<StreamKey | undefined> {
  const magic = await reader.take(MAGIC.length);
  if (magic === undefined || !equalBytes(magic, MAGIC)) throw invalid(statement, 'no magic');
  const length = await takeLength(reader);
  if (length === undefined || length > STANZAS_BYTES_MAX) throw invalid(statement, 'too many bytes of stanzas');
  const bytes = await reader.take(length);
  const stanzas = bytes === undefined ? undefined : decodeStanzas(bytes);
  if (stanzas === undefined) throw invalid(statement, 'malformed stanzas');
  const stanza = stanzas.find(({ recipient }) => recipient === receiver?.recipient);
  if (receiver === undefined || stanza === undefined) return undefined;
  const contentKey = await openStanza(stanza, receiver.secretKey, statement, crypto);
  return contentKey === undefined ? undefined : releaseStream(contentKey, statement, crypto);
}

async function takePrelude(
  reader: PieceReader,
  { statement, stream }: Opening,
  crypto: CryptoPort,
): Promise<Uint8Array | undefined> {
  const { min, max } = sealedSize(statement, 0);
  const length = await takeLength(reader);
  if (length === undefined || length < min || length > max) throw invalid(statement, 'a prelude of a wrong size');
  const sealed = await reader.take(length);
  if (sealed === undefined) throw invalid(statement, 'fewer bytes than it says');
  if (stream === undefined) return undefined;
  const prelude = await openChunk(stream, { index: 0, count: chunkCountOf(statement) }, sealed, crypto);
  if (prelude === undefined) throw invalid(statement, 'a prelude that does not open');
  return prelude;
}

async function takeTensors(
  reader: PieceReader,
  { statement, stream, target }: Opening,
  index: number,
  crypto: CryptoPort,
): Promise<void> {
  const sealed = await reader.take(sealedSize(statement, index).max);
  if (sealed === undefined) throw invalid(statement, 'fewer bytes than it says');
  if (stream === undefined || target === undefined) return;
  const plaintext = await openChunk(stream, { index, count: chunkCountOf(statement) }, sealed, crypto);
  if (plaintext === undefined) throw invalid(statement, 'a chunk that does not open');
  const { start } = tensorRange(statement, index);
  new Uint8Array(target.buffer, target.byteOffset + start, plaintext.length).set(plaintext);
  giveBack(plaintext);
}

async function takeLength(reader: PieceReader): Promise<number | undefined> {
  const bytes = await reader.take(4);
  if (bytes === undefined) return undefined;
  return new DataView(bytes.buffer, bytes.byteOffset, 4).getUint32(0);
}

function invalid(statement: ReleaseStatement, found: string): Fault {
  return new Fault(
    'RELEASE_INVALID',
    `the payload of release ${statement.round} is not the one stated: it has ${found}`,
  );
}
