import { expect } from 'chai';
import { utf8 } from '#shared/bytes/bytes.ts';
import { nodeCrypto } from '#shared/crypto/node.ts';
import { encodeEnvelope, keyIdOf, signPayload } from '#shared/dsse/dsse.ts';
import { PAYLOAD_TYPES } from '#shared/dsse/types.ts';
import { COMMAND_LIMITS, openCommand, type StudyCommand, sealCommand } from '#shared/study/command.ts';

const key = nodeCrypto.ed25519Generate();
const study = { digest: new Uint8Array(32).fill(7), coordinator: { name: 'Team', key: key.publicKey } };
const NOW_MS = 1_800_000_000_000;
const command: StudyCommand = {
  manifestDigest: study.digest,
  instance: new Uint8Array(32).fill(9),
  command: 'start',
  nonce: new Uint8Array(16).fill(3),
  issuedAtMs: NOW_MS,
  expiresAtMs: NOW_MS + 60_000,
};

function codeOf(envelope: Uint8Array, atMs = NOW_MS): string {
  const verdict = openCommand(envelope, study, atMs, nodeCrypto);
  return verdict.kind === 'refused' ? verdict.code : 'accepted';
}

function sealed(change: Partial<StudyCommand>): Uint8Array {
  return sealCommand({ ...command, ...change }, key.secretKey, nodeCrypto);
}

describe('command', () => {
  it('opens to what was sealed', () => {
    const verdict = openCommand(sealed({}), study, NOW_MS, nodeCrypto);
    expect(verdict).to.deep.equal({ kind: 'accepted', value: command });
  });

  it('is refused when another key signed it', () => {
    const other = nodeCrypto.ed25519Generate();
    expect(codeOf(sealCommand(command, other.secretKey, nodeCrypto))).to.equal('COMMAND_SIGNATURE_INVALID');
  });

  it('is refused for another manifest', () => {
    expect(codeOf(sealed({ manifestDigest: new Uint8Array(32) }))).to.equal('COMMAND_FOREIGN');
  });

  it('is accepted until its last millisecond and refused after it', () => {
    expect(codeOf(sealed({}), command.expiresAtMs)).to.equal('accepted');
    expect(codeOf(sealed({}), command.expiresAtMs + 1)).to.equal('COMMAND_EXPIRED');
  });

  it('is refused when it would be valid for more than an hour, or not at all', () => {
    const hour = COMMAND_LIMITS.validityMsMax;
    expect(codeOf(sealed({ expiresAtMs: NOW_MS + hour }))).to.equal('accepted');
    expect(codeOf(sealed({ expiresAtMs: NOW_MS + hour + 1 }))).to.equal('COMMAND_EXPIRED');
    expect(codeOf(sealed({ expiresAtMs: NOW_MS }))).to.equal('COMMAND_EXPIRED');
  });

  it('is refused when it was issued further ahead than clocks may differ', () => {
    const early = NOW_MS - COMMAND_LIMITS.clockSkewMs;
    expect(codeOf(sealed({}), early)).to.equal('accepted');
    expect(codeOf(sealed({}), early - 1)).to.equal('COMMAND_EXPIRED');
  });

  it('is refused when any one byte of its envelope is changed', () => {
    const envelope = sealed({});
    for (let index = 0; index < envelope.length; index++) {
      const code = codeOf(envelope.with(index, (envelope[index] ?? 0) ^ 1));
      expect(code, `byte ${index}`).to.be.oneOf(['COMMAND_MALFORMED', 'COMMAND_SIGNATURE_INVALID']);
    }
  });

  it('is refused when it is signed but no command', () => {
    for (const text of ['{}', '{"command":"start"}', 'start', '']) {
      const signed = signPayload(PAYLOAD_TYPES.command, utf8(text), key.secretKey, nodeCrypto);
      const envelope = encodeEnvelope(PAYLOAD_TYPES.command, signed, keyIdOf(key.publicKey, nodeCrypto));
      expect(codeOf(envelope)).to.equal('COMMAND_MALFORMED');
    }
  });

  it('is refused when it was signed as another type', () => {
    const signed = signPayload(PAYLOAD_TYPES.status, utf8('{}'), key.secretKey, nodeCrypto);
    const envelope = encodeEnvelope(PAYLOAD_TYPES.status, signed, keyIdOf(key.publicKey, nodeCrypto));
    expect(codeOf(envelope)).to.equal('COMMAND_MALFORMED');
  });
});
