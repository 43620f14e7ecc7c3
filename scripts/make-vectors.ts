/**
 * Writes test/vectors/protocol.json: known answers for whoever writes a second client (docs/protocol.md section 10),
 * made from fixed keys by the code itself: `node scripts/make-vectors.ts`.
 */
import { writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { ml_kem768_x25519 } from '@noble/post-quantum/hybrid.js';
import { reportDataFor } from '#shared/attestation/binding.ts';
import { concat, toHex, u32be, utf8 } from '#shared/bytes/bytes.ts';
import { nodeCrypto as crypto } from '#shared/crypto/node.ts';
import { preAuthEncoding, signPayload } from '#shared/dsse/dsse.ts';
import { PAYLOAD_TYPES } from '#shared/dsse/types.ts';
import { keySchedule } from '#shared/hpke/suite.ts';
import { inclusionPath, treeRoot } from '#shared/log/merkle.ts';
import { layoutOf } from '#shared/model/layout.ts';
import { SealedChannel } from '#shared/protocol/channel.ts';
import { joinFrame, plainFrame } from '#shared/protocol/frames.ts';
import * as handshake from '#shared/protocol/handshake.ts';
import { encodeMessage } from '#shared/protocol/messages.ts';
import { sealChunk } from '#shared/stream/chunk-stream.ts';
import { encodeUpdateHeader } from '#shared/update/header.ts';
import { encodePrelude } from '#shared/update/prelude.ts';
import { updateDigest, updateInfo, updateStream } from '#shared/update/stream.ts';

/** Where the vectors are published. */
export const VECTORS_FILE = fileURLToPath(new URL('../test/vectors/protocol.json', import.meta.url));

/** Bytes by name; lower-case hex in the file. */
type Vector = Readonly<Record<string, Uint8Array>>;

/** `SHA-256(label ‖ u32(0)) ‖ SHA-256(label ‖ u32(1)) ‖ …`, cut to `length`: bytes that anybody can make again. */
function fixedBytes(label: string, length: number): Uint8Array {
  const block = (index: number) => crypto.digest('sha256', utf8(label), u32be(index));
  return concat(...Array.from({ length: Math.ceil(length / 32) }, (_, index) => block(index))).slice(0, length);
}

/** X-Wing encapsulation with its 64 random bytes fixed; by another implementation, for ours draws them itself. */
function encapsulation(label: string, publicKey: Uint8Array) {
  const { cipherText, sharedSecret } = ml_kem768_x25519.encapsulate(publicKey, fixedBytes(label, 64));
  return { encapsulated: cipherText, sharedSecret };
}

const secret = {
  identity: fixedBytes('identity', 32),
  signing: fixedBytes('signing', 32),
  ephemeral: fixedBytes('ephemeral', 32),
  kem: fixedBytes('kem', 32),
  round: fixedBytes('round', 32),
};
const signingKey = crypto.ed25519PublicKey(secret.signing);
const identityKey = crypto.ed25519PublicKey(secret.identity);
const kemKey = crypto.xWing.publicKeyOf(secret.kem);
const manifestDigest = fixedBytes('manifest digest', 32);
const nonces = ['nonce 0', 'nonce 1', 'nonce 2'].map((label) => fixedBytes(label, 32));
const nonceIndex = 2;
const nonce = fixedBytes('nonce 2', 32);
const nonceRoot = treeRoot(nonces, crypto);

function bindingVector(): Vector {
  const path = concat(...inclusionPath(nonces, nonceIndex, crypto));
  const reportData = reportDataFor({ kemKey, signingKey, manifestDigest, nonceRoot }, crypto);
  return { kemKey, signingKey, manifestDigest, nonces: concat(...nonces), nonceRoot, path, reportData };
}

const layout = layoutOf(
  [
    { name: 'dense/kernel', shape: [2, 1] },
    { name: 'dense/bias', shape: [1] },
  ],
  crypto,
);

function layoutVector(): Vector {
  const scalar = layoutOf([{ name: 'rows', shape: [] }], crypto);
  return { layoutDigest: layout.digest, scalarLayoutDigest: scalar.digest };
}

function openingFrames() {
  const ephemeralKey = crypto.xWing.publicKeyOf(secret.ephemeral);
  const hello = { version: 1, kem: crypto.xWing.id, manifestDigest, nonce, ephemeralKey };
  const { encapsulated, sharedSecret: ss1 } = encapsulation('encapsulation 1', ephemeralKey);
  const document = fixedBytes('document', 64);
  const attest = {
    platform: 'aws-nitro',
    document,
    endorsements: [],
    kemKey,
    signingKey,
    nonceRoot,
    nonceIndex,
    nonceCount: 3,
    noncePath: [...inclusionPath(nonces, nonceIndex, crypto)],
    encapsulated,
  };
  const helloFrame = plainFrame('hello', handshake.encodeHello(hello));
  const attestFrame = plainFrame('attest', handshake.encodeAttest(attest));
  return { helloFrame, attestFrame, ss1 };
}

async function sessionVector(): Promise<Vector> {
  const { helloFrame, attestFrame, ss1 } = openingFrames();
  const { encapsulated, sharedSecret: ss2 } = encapsulation('encapsulation 2', kemKey);
  const th1 = handshake.openingTranscript(helloFrame, attestFrame, crypto);
  const secrets = { ephemeralSecret: ss1, attestedSecret: ss2 };
  const agreement = handshake.agree(th1, encapsulated, secrets, crypto);
  const { th2, prk, joinKey } = agreement;
  const proof = handshake.participantProof(th2);
  const { signature } = signPayload(PAYLOAD_TYPES.session, proof, secret.identity, crypto);
  const join = { participant: 'st-mary', signature, evidence: null, holds: null };
  const joinBytes = joinFrame(encapsulated, await handshake.sealJoin(join, agreement, crypto));
  const keys = handshake.trafficKeys(agreement, joinBytes, crypto);
  const { th3 } = keys;
  const welcomeProof = handshake.enclaveProof(th3);
  const welcome = signPayload(PAYLOAD_TYPES.session, welcomeProof, secret.signing, crypto);
  const body = { signature: welcome.signature, round: 0, phase: 'idle' } as const;
  const channel = new SealedChannel(keys, 'enclave', crypto);
  const welcomeFrame = await channel.seal(encodeMessage({ name: 'welcome', body }));
  return {
    ephemeralSecret: secret.ephemeral,
    kemSecret: secret.kem,
    identitySecret: secret.identity,
    identityKey,
    helloFrame,
    attestFrame,
    th1,
    ss1,
    ss2,
    th2,
    prk,
    joinKey,
    joinPlaintextSignature: signature,
    joinFrame: joinBytes,
    th3,
    toEnclave0: keys.keyFor('to-enclave', 0),
    toParticipant0: keys.keyFor('to-participant', 0),
    toEnclave1: keys.keyFor('to-enclave', 1),
    participantReportData: handshake.participantReportData(identityKey, manifestDigest, th1, crypto),
    welcomeFrame,
  };
}

/** An update of three weights in chunks of 8 bytes: prelude, two values, one value. */
async function updateVector(): Promise<Vector> {
  const roundKey = crypto.xWing.publicKeyOf(secret.round);
  const { encapsulated, sharedSecret } = encapsulation('encapsulation 3', roundKey);
  const tensorBytes = new Uint8Array(Float32Array.of(0.5, -1.25, 3).buffer);
  const header = encodeUpdateHeader({
    manifestDigest,
    round: 1,
    attempt: 1,
    participant: 'st-mary',
    updateId: fixedBytes('update id', 16),
    baseRelease: fixedBytes('base release', 32),
    layoutDigest: layout.digest,
    kem: crypto.xWing.id,
    encapsulated,
    chunkBytes: 8,
    tensorBytes: 12,
  });
  const { signature } = signPayload(PAYLOAD_TYPES.updateHeader, header, secret.identity, crypto);
  const context = keySchedule(crypto.xWing, sharedSecret, updateInfo(manifestDigest), crypto);
  const stream = updateStream(context, header, crypto);
  const prelude = encodePrelude({ examples: 205, metrics: { loss: 0.25, accuracy: 1 } });
  const seal = (plaintext: Uint8Array, index: number) => sealChunk(stream, { index, count: 3 }, plaintext, crypto);
  const chunk0 = await seal(prelude, 0);
  const chunk1 = await seal(tensorBytes.subarray(0, 8), 1);
  const chunk2 = await seal(tensorBytes.subarray(8), 2);
  const tags = [chunk0, chunk1, chunk2].map((chunk) => chunk.slice(-16));
  return {
    roundSecret: secret.round,
    roundKey,
    header,
    headerSignature: signature,
    streamKey: stream.key,
    streamPrefix: stream.prefix,
    streamAad: stream.aad,
    prelude,
    tensorBytes,
    chunk0,
    chunk1,
    chunk2,
    updateDigest: updateDigest(header, tags, crypto),
  };
}

/** The vectors, as text. */
export async function vectorsText(): Promise<string> {
  const groups: Readonly<Record<string, Vector>> = {
    dsse: { preAuthEncoding: preAuthEncoding(PAYLOAD_TYPES.session, utf8('hello')) },
    binding: bindingVector(),
    layout: layoutVector(),
    session: await sessionVector(),
    update: await updateVector(),
  };
  const hex = Object.entries(groups).map(([group, vector]) => [
    group,
    Object.fromEntries(Object.entries(vector).map(([name, bytes]) => [name, toHex(bytes)])),
  ]);
  const source = 'made by scripts/make-vectors.ts; explained in docs/protocol.md section 10';
  return `${JSON.stringify({ source, ...Object.fromEntries(hex) }, undefined, 1)}\n`;
}

if (import.meta.main) await writeFile(VECTORS_FILE, await vectorsText());
