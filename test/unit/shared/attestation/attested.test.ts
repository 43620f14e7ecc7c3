import { expect } from 'chai';
import { debugRegisters } from '#infra/emulator/registers.ts';
import {
  type AttestationResult,
  attestAggregator,
  type EnclaveStatement,
  type ExpectedBinding,
} from '#shared/attestation/attested.ts';
import { encodeCbor } from '#shared/attestation/cbor/encode.ts';
import { explainAttestation } from '#shared/attestation/explain.ts';
import type { AppraisalPolicy } from '#shared/attestation/policy.ts';
import { nodeCrypto } from '#shared/crypto/node.ts';
import {
  type FakePlatform,
  fakePlatform,
  MANIFEST_DIGEST,
  NOW_MS,
  OUR_NONCE,
  policyFor,
  type StatementBend,
  statementOf,
} from '#test/fakes/tee/enclave.ts';

const HOUR_MS = 3_600_000;
const EXPECTED: ExpectedBinding = { manifestDigest: MANIFEST_DIGEST, nonce: OUR_NONCE };

describe('attestAggregator', () => {
  let platform: FakePlatform;
  before(async () => {
    platform = await fakePlatform();
  });

  it('attests an enclave that shows accepted code, our manifest and our nonce', async () => {
    const statement = await statementOf(platform);
    const { aggregator } = attestedOf(await attest(statement));
    expect(aggregator.kemKey).to.deep.equal(statement.kemKey);
    expect(aggregator.signingKey).to.deep.equal(statement.signingKey);
    expect(aggregator.manifestDigest).to.deep.equal(MANIFEST_DIGEST);
    expect([aggregator.emulated, aggregator.anyNonceBecause]).to.deep.equal([true, undefined]);
  });

  it('hands on what it checked, whatever becomes of the buffers it was given', async () => {
    const genuine = await statementOf(platform);
    for (const copy of [(bytes: Uint8Array) => bytes.slice(), (bytes: Uint8Array) => Buffer.from(bytes)]) {
      const evidence = { ...genuine.evidence, document: copy(genuine.evidence.document) };
      const statement = { ...genuine, kemKey: copy(genuine.kemKey), evidence };
      const pending = attest(statement);
      statement.kemKey.fill(0);
      evidence.document.fill(0);
      expect(attestedOf(await pending).aggregator.kemKey).to.deep.equal(genuine.kemKey);
    }
  });

  it('does without a nonce of ours for a written reason, which it keeps', async () => {
    const because = 'a release verified after the fact';
    const expected: ExpectedBinding = { ...EXPECTED, nonce: { kind: 'any', because } };
    const { aggregator } = attestedOf(
      await attest(await statementOf(platform, { after: { noncePath: [] } }), expected),
    );
    expect(aggregator.anyNonceBecause).to.equal(because);
  });

  const bent: Readonly<Record<string, readonly [StatementBend, readonly string[]]>> = {
    'a KEM key put in its place': [{ after: { kemKey: new Uint8Array(1216).fill(4) } }, ['BINDING_MISMATCH']],
    'a signing key put in its place': [{ after: { signingKey: new Uint8Array(32).fill(4) } }, ['BINDING_MISMATCH']],
    'another manifest': [{ after: { manifestDigest: new Uint8Array(32) } }, ['MANIFEST_MISMATCH', 'BINDING_MISMATCH']],
    'another nonce root': [{ after: { nonceRoot: new Uint8Array(32) } }, ['NONCE_MISMATCH', 'BINDING_MISMATCH']],
    'our nonce at another place': [{ after: { nonceIndex: 0 } }, ['NONCE_MISMATCH']],
    'a nonce path cut short': [{ after: { noncePath: [] } }, ['NONCE_MISMATCH']],
    'report data of nobody': [{ contents: { userData: null } }, ['BINDING_MISMATCH']],
    'report data cut short': [{ contents: { userData: new Uint8Array(32) } }, ['BINDING_MISMATCH']],
    'a KEM key cut short': [{ after: { kemKey: new Uint8Array(1215) } }, ['MALFORMED']],
    'every field of the wrong size': [
      {
        after: {
          kemKey: new Uint8Array(0),
          signingKey: new Uint8Array(33),
          manifestDigest: new Uint8Array(31),
          nonceRoot: new Uint8Array(64),
        },
      },
      ['MALFORMED', 'MALFORMED', 'MALFORMED', 'MALFORMED'],
    ],
    'debug registers': [{ contents: { pcrs: debugRegisters() } }, ['DEBUG_ENABLED', 'MEASUREMENT_MISMATCH']],
    'an altered signature': [
      { defects: { alterSignature: (signature) => signature.map((byte) => byte ^ 1) } },
      ['SIGNATURE_INVALID'],
    ],
    'a foreign algorithm': [{ defects: { protectedHeader: encodeCbor({ entries: [[1, -7]] }) } }, ['ALG_NOT_ALLOWED']],
    'a byte too many': [{ defects: { trailing: Uint8Array.of(0) } }, ['TRAILING_DATA']],
    'evidence made two hours ago': [{ contents: { timestampMs: NOW_MS - 2 * HOUR_MS } }, ['EVIDENCE_TOO_OLD']],
    'evidence made in an hour': [{ contents: { timestampMs: NOW_MS + HOUR_MS } }, ['EVIDENCE_FROM_FUTURE']],
  };
  for (const [name, [bend, codes]] of Object.entries(bent)) {
    it(`refuses ${name}`, async () => {
      expect(codesOf(await attest(await statementOf(platform, bend)))).to.deep.equal(codes);
    });
  }

  it('refuses a replay: evidence that answers other nonces than ours', async () => {
    const expected: ExpectedBinding = { ...EXPECTED, nonce: new Uint8Array(32).fill(9) };
    expect(codesOf(await attest(await statementOf(platform), expected))).to.deep.equal(['NONCE_MISMATCH']);
  });

  it('refuses certificates that are not valid yet, or no longer', async () => {
    const statement = await statementOf(platform);
    expect(codesOf(await attest(statement, EXPECTED, NOW_MS - HOUR_MS))).to.include('CERT_NOT_YET_VALID');
    expect(codesOf(await attest(statement, EXPECTED, NOW_MS + 4 * HOUR_MS))).to.include('CERT_EXPIRED');
  });

  it('refuses the leaf of another root, and a root that one policy does not name', async () => {
    const statement = await statementOf(platform);
    const stranger = await fakePlatform();
    expect(codesOf(await attest(statement, EXPECTED, NOW_MS, [policyFor(stranger)]))).to.deep.equal([
      'CHAIN_UNTRUSTED_ROOT',
    ]);
    const { roots: _, ...own } = policyFor(platform);
    expect(codesOf(await attest(statement, EXPECTED, NOW_MS, [policyFor(platform), own]))).to.deep.equal([
      'CHAIN_UNTRUSTED_ROOT',
    ]);
    const [root] = stranger.chain.cabundle;
    const mixed = {
      ...platform,
      chain: { ...platform.chain, cabundle: [root ?? new Uint8Array(0), ...platform.chain.cabundle.slice(1)] },
    };
    expect(codesOf(await attest(await statementOf(mixed), EXPECTED, NOW_MS, [policyFor(stranger)]))).to.include(
      'CHAIN_INVALID',
    );
  });

  it('refuses without a policy, and where no enclave of the platform is named', async () => {
    const statement = await statementOf(platform);
    expect(codesOf(await attest(statement, EXPECTED, NOW_MS, []))).to.deep.equal(['POLICY_MISSING']);
    const vacant = [{ ...policyFor(platform), enclaves: [] }];
    expect(codesOf(await attest(statement, EXPECTED, NOW_MS, vacant))).to.deep.equal(['PLATFORM_NOT_ACCEPTED']);
  });

  describe('explained', () => {
    it('says EMULATED first, then what holds', async () => {
      const lines = explainAttestation(await attest(await statementOf(platform)));
      expect(lines[0]).to.match(/^EMULATED: /);
      expect(lines[1]).to.include('our own nonce');
      expect(lines).to.include('platform aws-nitro (AWS Nitro Enclaves), production mode');
      expect(lines.join('\n'))
        .to.match(/root emulator \(EMULATED\)/)
        .and.match(/PCR0 [0-9a-f]{96}/)
        .and.not.match(/PCR3/);
    });

    it('does not say EMULATED of genuine hardware', async () => {
      const { aggregator } = attestedOf(await attest(await statementOf(platform)));
      const root = { name: 'vendor', platform: 'aws-nitro', sha256: 'ab'.repeat(32), emulated: false } as const;
      const genuine = { ...aggregator, emulated: false, claims: { ...aggregator.claims, root } };
      const text = explainAttestation({ kind: 'attested', aggregator: genuine }).join('\n');
      expect(text).to.include('genuine hardware').and.not.include('EMULATED');
    });

    it('says why no nonce was asked', async () => {
      const expected: ExpectedBinding = { ...EXPECTED, nonce: { kind: 'any', because: 'it is old' } };
      expect(explainAttestation(await attest(await statementOf(platform), expected)).join('\n'))
        .to.include('no')
        .and.include('it is old');
    });

    it('lists each failed check with what was found, and marks claims as unproved', async () => {
      const bend = { contents: { pcrs: debugRegisters() }, defects: { trailing: new Uint8Array(0) } };
      const lines = explainAttestation(await attest(await statementOf(platform, bend)));
      expect(lines[0]).to.equal('REFUSED: 2 checks failed.');
      expect(lines.join('\n'))
        .to.include('MEASUREMENT_MISMATCH: ')
        .and.include('  found  0000')
        .and.include('unproved')
        .and.include('DEBUG mode');
    });

    it('shortens long values and counts one check as one', async () => {
      const lines = explainAttestation(
        await attest(await statementOf(platform, { after: { signingKey: new Uint8Array(32) } })),
      );
      expect(lines[0]).to.equal('REFUSED: 1 check failed.');
      expect(lines.filter((line) => line.endsWith('…'))).to.have.lengthOf(2);
      const short = explainAttestation(
        await attest(await statementOf(platform, { defects: { trailing: Uint8Array.of(1) } })),
      );
      expect(short.join('\n')).to.not.include('unproved');
    });
  });

  function attest(
    statement: EnclaveStatement,
    expected: ExpectedBinding = EXPECTED,
    atMs = NOW_MS,
    policies: readonly AppraisalPolicy[] = [policyFor(platform)],
  ): Promise<AttestationResult> {
    return attestAggregator(statement, expected, { policies, atMs, crypto: nodeCrypto });
  }
});

function attestedOf(result: AttestationResult): Extract<AttestationResult, { kind: 'attested' }> {
  if (result.kind !== 'attested') throw new Error(explainAttestation(result).join('\n'));
  return result;
}

function codesOf(result: AttestationResult): readonly string[] {
  const codes = result.kind === 'refused' ? result.reasons.map(({ code }) => code) : [];
  return codes;
}
