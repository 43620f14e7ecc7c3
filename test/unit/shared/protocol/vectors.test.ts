import { createDecipheriv, createHash, createHmac, createPublicKey, verify } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { Aes256Gcm, CipherSuite, HkdfSha256 } from '@hpke/core';
import { XWing } from '@hpke/hybridkem-x-wing';
import { expect } from 'chai';
import { VECTORS_FILE, vectorsText } from '#scripts/make-vectors.ts';
import { nodeCrypto } from '#shared/crypto/node.ts';

type Vector = Readonly<Record<string, string>>;

/** The published vectors. What follows computes them anew from the page alone, on Node's own primitives. */
const file = readFileSync(VECTORS_FILE, 'utf8');
const vectors: Readonly<Record<string, Vector>> = JSON.parse(file);

function bytes(group: string, name: string): Buffer {
  const hex = vectors[group]?.[name];
  if (hex === undefined) throw new Error(`no vector ${group}.${name}`);
  return Buffer.from(hex, 'hex');
}

function u32(value: number): Buffer {
  const out = Buffer.alloc(4);
  out.writeUInt32BE(value);
  return out;
}

function lp(...parts: readonly (Uint8Array | string)[]): Buffer {
  return Buffer.concat(parts.map((part) => Buffer.from(part)).flatMap((part) => [u32(part.length), part]));
}

function sha256(...parts: readonly Uint8Array[]): Buffer {
  return createHash('sha256').update(Buffer.concat(parts)).digest();
}

/** One block of HKDF-Expand: 32 bytes are all that the protocol asks for. */
function expand(prk: Uint8Array, info: Uint8Array | string): Buffer {
  const block = Buffer.concat([Buffer.from(info), Buffer.of(1)]);
  return createHmac('sha256', prk).update(block).digest();
}

function open(key: Uint8Array, nonce: Uint8Array, aad: Uint8Array, sealed: Uint8Array): Buffer {
  const decipher = createDecipheriv('aes-256-gcm', key, nonce);
  decipher.setAAD(aad).setAuthTag(sealed.subarray(sealed.length - 16));
  return Buffer.concat([decipher.update(sealed.subarray(0, sealed.length - 16)), decipher.final()]);
}

function buffer(part: Uint8Array): ArrayBuffer {
  return new Uint8Array(part).buffer;
}

/** Ed25519 over the DSSE pre-authentication encoding. */
function isSigned(type: string, payload: Buffer, signature: Buffer, publicKey: Buffer): boolean {
  const encoded = Buffer.concat([Buffer.from(`DSSEv1 ${type.length} ${type} ${payload.length} `), payload]);
  const key = createPublicKey({
    key: { kty: 'OKP', crv: 'Ed25519', x: publicKey.toString('base64url') },
    format: 'jwk',
  });
  return verify(null, encoded, key, signature);
}

function same(group: string, name: string, computed: Uint8Array): void {
  expect(Buffer.from(computed).toString('hex'), `${group}.${name}`).to.equal(vectors[group]?.[name]);
}

describe('the published vectors', () => {
  it('are those that the code makes (else run node scripts/make-vectors.ts)', async () => {
    expect(await vectorsText()).to.equal(file);
  });

  it('follow from the page: tree of nonces and report data', () => {
    const nonces = [0, 32, 64].map((start) => bytes('binding', 'nonces').subarray(start, start + 32));
    const [first, second, third] = nonces.map((nonce) => sha256(Buffer.of(0), nonce));
    if (!first || !second || !third) throw new Error('three nonces');
    const left = sha256(Buffer.of(1), first, second);
    same('binding', 'path', left);
    same('binding', 'nonceRoot', sha256(Buffer.of(1), left, third));
    const [kem, signing, manifest, root] = ['kemKey', 'signingKey', 'manifestDigest', 'nonceRoot'].map((name) =>
      bytes('binding', name),
    );
    if (!kem || !signing || !manifest || !root) throw new Error('four fields');
    const bound = lp('cloister/v1/enclave', kem, signing, manifest, root);
    same('binding', 'reportData', createHash('sha512').update(bound).digest());
  });

  it('follow from the page: layout digests', () => {
    const [two, one] = [u32(2), u32(1)];
    const layout = lp('cloister/v1/layout', 'dense/kernel', Buffer.concat([two, one]), 'dense/bias', one);
    same('layout', 'layoutDigest', sha256(layout));
    same('layout', 'scalarLayoutDigest', sha256(lp('cloister/v1/layout', 'rows', '')));
  });

  it('follow from the page: shared secrets, transcript and keys of a session', () => {
    const join = bytes('session', 'joinFrame');
    const attest = bytes('session', 'attestFrame');
    const { xWing } = nodeCrypto;
    same('session', 'ss1', xWing.decapsulate(attest.subarray(-1120), bytes('session', 'ephemeralSecret')));
    same('session', 'ss2', xWing.decapsulate(join.subarray(1, 1121), bytes('session', 'kemSecret')));
    const th1 = sha256(lp('cloister/v1/session', bytes('session', 'helloFrame'), attest));
    const th2 = sha256(lp('cloister/v1/session-keys', th1, join.subarray(1, 1121)));
    const secrets = Buffer.concat([bytes('session', 'ss1'), bytes('session', 'ss2')]);
    const prk = createHmac('sha256', th2).update(secrets).digest();
    const joinKey = expand(prk, 'cloister/v1/join');
    const th3 = sha256(lp('cloister/v1/session-end', th2, join));
    const made = { th1, th2, prk, joinKey, th3 };
    for (const [name, value] of Object.entries(made)) same('session', name, value);
    same('session', 'toEnclave0', expand(prk, lp('cloister/v1/to-enclave', th3, u32(0))));
    same('session', 'toEnclave1', expand(prk, lp('cloister/v1/to-enclave', th3, u32(1))));
    same('session', 'toParticipant0', expand(prk, lp('cloister/v1/to-participant', th3, u32(0))));
  });

  it('follow from the page: the sealed join and the first sealed frame', () => {
    const th2 = bytes('session', 'th2');
    const join = open(bytes('session', 'joinKey'), Buffer.alloc(12), th2, bytes('session', 'joinFrame').subarray(1121));
    expect(join.includes(bytes('session', 'joinPlaintextSignature'))).to.equal(true);
    const frame = bytes('session', 'welcomeFrame');
    const nonce = Buffer.concat([u32(0), frame.subarray(1, 9)]);
    const welcome = open(bytes('session', 'toParticipant0'), nonce, frame.subarray(0, 9), frame.subarray(9));
    expect(welcome.subarray(0, 2)).to.deep.equal(Buffer.of(0x92, 1));
  });

  it('follow from the page: signatures of both ends and of the update header', () => {
    const session = 'application/vnd.cloister.session+bytes';
    const header = 'application/vnd.cloister.update-header+msgpack';
    const identity = bytes('session', 'identityKey');
    const join = { payload: lp('participant', bytes('session', 'th2')), signature: 'joinPlaintextSignature' };
    expect(isSigned(session, join.payload, bytes('session', join.signature), identity)).to.equal(true);
    const { payload, signature } = {
      payload: bytes('update', 'header'),
      signature: bytes('update', 'headerSignature'),
    };
    expect(isSigned(header, payload, signature, identity)).to.equal(true);
    expect(isSigned(session, payload, signature, identity)).to.equal(false);
  });

  it('follow from the page: stream key of an update, by another HPKE', async () => {
    const suite = new CipherSuite({ kem: new XWing(), kdf: new HkdfSha256(), aead: new Aes256Gcm() });
    const header = bytes('update', 'header');
    // bin 16: its tag and two bytes of length stand between the key of the map and the value.
    const start = header.indexOf('encapsulated') + 'encapsulated'.length + 3;
    const context = await suite.createRecipientContext({
      recipientKey: await suite.kem.deserializePrivateKey(buffer(bytes('update', 'roundSecret'))),
      enc: buffer(header.subarray(start, start + 1120)),
      info: buffer(lp('cloister/v1', 'update', 'participant', 'enclave', bytes('binding', 'manifestDigest'))),
    });
    const exported = async (label: string, length: number) =>
      new Uint8Array(await context.export(buffer(Buffer.from(label)), length));
    same('update', 'streamKey', await exported('stream key', 32));
    same('update', 'streamPrefix', await exported('stream nonce', 7));
  });

  it('follow from the page: chunks and digest of an update', () => {
    const aad = sha256(bytes('update', 'header'));
    same('update', 'streamAad', aad);
    const chunks = ['chunk0', 'chunk1', 'chunk2'].map((name) => bytes('update', name));
    const plain = chunks.map((chunk, index) => {
      const nonce = Buffer.concat([bytes('update', 'streamPrefix'), u32(index), Buffer.of(index === 2 ? 1 : 0)]);
      return open(bytes('update', 'streamKey'), nonce, aad, chunk);
    });
    expect(plain[0]?.toString('hex')).to.equal(vectors['update']?.['prelude']);
    same('update', 'tensorBytes', Buffer.concat(plain.slice(1)));
    const tags = Buffer.concat(chunks.map((chunk) => chunk.subarray(-16)));
    same('update', 'updateDigest', sha256(lp('cloister/v1/update', bytes('update', 'header'), tags)));
  });
});
