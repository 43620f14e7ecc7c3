import { expect } from 'chai';
import { decodeEvidenceFile, decodeServedEvidence, encodeEvidenceFile } from '#client/evidence/evidence-file.ts';
import type { ShownEvidence } from '#shared/attestation/shown.ts';
import { toBase64 } from '#shared/bytes/base64.ts';
import { utf8 } from '#shared/bytes/bytes.ts';

const EVIDENCE: ShownEvidence = {
  platform: 'amd-sev-snp',
  document: Uint8Array.of(1, 2, 3),
  endorsements: [
    { kind: 'certificate', bytes: Uint8Array.of(4) },
    { kind: 'of-the-future', bytes: Uint8Array.of(5, 6) },
  ],
};
const KEYS = { kemKey: Uint8Array.of(7), signingKey: Uint8Array.of(8), nonceRoot: Uint8Array.of(9) };

const portable = {
  platform: 'amd-sev-snp',
  document: toBase64(EVIDENCE.document),
  endorsements: EVIDENCE.endorsements.map(({ kind, bytes }) => ({ kind, bytes: toBase64(bytes) })),
};
const served = {
  ...portable,
  ...Object.fromEntries(Object.entries(KEYS).map(([name, bytes]) => [name, toBase64(bytes)])),
};

const json = (value: unknown): Uint8Array => utf8(JSON.stringify(value));

describe('evidence files', () => {
  it('come back as they were written', () => {
    expect(decodeEvidenceFile(encodeEvidenceFile(EVIDENCE))).to.deep.equal({ evidence: EVIDENCE, keys: undefined });
  });

  it('are read in both forms, and the keys where a host has served them', () => {
    expect(decodeEvidenceFile(json(portable))).to.deep.equal({ evidence: EVIDENCE, keys: undefined });
    expect(decodeEvidenceFile(json(served))).to.deep.equal({ evidence: EVIDENCE, keys: KEYS });
    expect(decodeServedEvidence(json(served))).to.deep.equal({ ...EVIDENCE, ...KEYS });
  });

  const { document: _, ...withoutDocument } = portable;
  const refused: Readonly<Record<string, Uint8Array>> = {
    'that are no JSON': utf8('evidence'),
    'without a document': json(withoutDocument),
    'with a field that is not known': json({ ...portable, verified: true }),
    'with some of the keys': json({ ...portable, kemKey: served.document }),
    'whose document is no base64': json({ ...portable, document: 'AA=A' }),
    'whose document has two spellings': json({ ...portable, document: 'AB==' }),
    'whose endorsement is no base64': json({ ...portable, endorsements: [{ kind: 'crl', bytes: '*' }] }),
    'whose endorsement has no kind': json({ ...portable, endorsements: [{ bytes: 'AA==' }] }),
    'with too many endorsements': json({ ...portable, endorsements: Array(17).fill(portable.endorsements[0]) }),
    'that say a thing twice': utf8(JSON.stringify(portable).replace('{', '{"platform":"aws-nitro",')),
    'that are too long': json({ ...portable, document: toBase64(new Uint8Array(2 ** 20)) }),
  };
  for (const [what, bytes] of Object.entries(refused)) {
    it(`are refused ${what}`, () => {
      expect(() => decodeEvidenceFile(bytes))
        .to.throw()
        .with.property('code', 'EVIDENCE_REFUSED');
    });
  }

  for (const [what, bytes, words] of [
    ['it is no JSON', utf8('evidence'), 'it is not JSON'],
    ['a field is missing', json(withoutDocument), 'document: is missing, expected text'],
    ['a field is unknown', json({ ...portable, verified: true }), 'verified: unknown key, expected platform'],
    ['a document is no base64', json({ ...portable, document: 'AA=A' }), 'document is not canonical base64'],
    [
      'an endorsement is no base64',
      json({ ...portable, endorsements: [{ kind: 'crl', bytes: '*' }] }),
      'endorsements[0].bytes is not canonical base64',
    ],
    ['a key of the enclave is missing', json({ ...portable, kemKey: served.document }), 'signingKey: is missing'],
  ] as const) {
    it(`are refused with the reason when ${what}`, () => {
      expect(() => decodeEvidenceFile(bytes)).to.throw(words);
    });
  }

  it('without keys are no evidence of an enclave', () => {
    expect(() => decodeServedEvidence(json(portable)))
      .to.throw()
      .with.property('code', 'EVIDENCE_REFUSED');
  });
});
