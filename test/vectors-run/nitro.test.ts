import { expect } from 'chai';
import { VENDOR_ANCHORS } from '#shared/attestation/anchors.ts';
import { parseSign1 } from '#shared/attestation/cose/sign1.ts';
import { parseNitroDocument } from '#shared/attestation/nitro/document.ts';
import { timeText } from '#shared/attestation/x509/time.ts';
import { toHex } from '#shared/bytes/bytes.ts';
import { memoCrypto } from '#test/fakes/tee/memo-crypto.ts';
import { judge, runVectors } from './run.ts';
import { readRecipes, readSamples, type Sample, vectorsFolder } from './samples.ts';

const PLATFORM = 'aws-nitro';
const folder = vectorsFolder();
const crypto = memoCrypto();

const hexOrNull = (bytes: Uint8Array): string | null => (bytes.length === 0 ? null : toHex(bytes));

describe('AWS Nitro test vectors', () => {
  before(function () {
    if (folder !== undefined) return;
    if (process.env['CI'] === 'true')
      throw new Error('attestation vectors are missing: set CLOISTER_VECTORS to their folder');
    console.warn('SKIPPED: no attestation vectors on this machine; set CLOISTER_VECTORS to their folder');
    this.skip();
  });

  it('has the samples and recipes it is meant to have', () => {
    expect(samples()).to.have.lengthOf(22);
    expect(readRecipes(folder ?? '', PLATFORM)).to.have.lengthOf(32);
  });

  it('gives every sample and every mutation the expected verdict at every stated time', async () => {
    const outcomes = await runVectors(folder ?? '', PLATFORM, crypto);
    expect(outcomes).to.have.length.greaterThan(130);
    expect(outcomes.filter(({ problems }) => problems.length > 0)).to.deep.equal([]);
  });

  it('reads the expected fields of every whole document', async () => {
    const whole = samples().filter(({ fields }) => fields !== undefined);
    expect(whole).to.have.lengthOf(20);
    for (const sample of whole) await checkFields(sample);
  });

  it('compiles in the fingerprint that genuine documents carry', () => {
    const roots = new Set(
      samples().flatMap(({ id, fields }) => (id.includes('custom-root') ? [] : (fields?.root_sha256 ?? []))),
    );
    expect([...roots]).to.deep.equal(VENDOR_ANCHORS.map(({ sha256 }) => sha256));
  });
});

function samples(): readonly Sample[] {
  return readSamples(folder ?? '', PLATFORM);
}

async function checkFields(sample: Sample): Promise<void> {
  const { fields } = sample;
  if (fields === undefined) return;
  const document = parseNitroDocument(parseSign1(sample.document).payload);
  const nonZero = [...document.pcrs].filter(([, value]) => value.some((byte) => byte !== 0));
  expect(
    {
      module_id: document.moduleId,
      timestamp_ms: document.timestampMs,
      pcr_indices: [...document.pcrs.keys()].toSorted((a, b) => a - b),
      pcrs_nonzero: Object.fromEntries(nonZero.map(([index, value]) => [String(index), toHex(value)])),
      user_data_hex: hexOrNull(document.userData),
      nonce_hex: hexOrNull(document.nonce),
      public_key_hex: hexOrNull(document.publicKey),
      cabundle_len: document.cabundle.length,
      root_sha256: toHex(crypto.digest('sha256', document.cabundle[0] ?? document.certificate)),
      leaf_sha256: toHex(crypto.digest('sha256', document.certificate)),
    },
    sample.id,
  ).to.deep.include({
    module_id: fields.module_id,
    timestamp_ms: fields.timestamp_ms,
    pcr_indices: fields.pcr_indices,
    pcrs_nonzero: fields.pcrs_nonzero,
    user_data_hex: fields.user_data_hex === '' ? null : fields.user_data_hex,
    nonce_hex: fields.nonce_hex === '' ? null : fields.nonce_hex,
    public_key_hex: fields.public_key_hex,
    cabundle_len: fields.cabundle_len,
    root_sha256: fields.root_sha256,
    leaf_sha256: fields.leaf_sha256,
  });
  const { claims } = await judge(sample.document, fields.timestamp_ms, crypto);
  if (claims === undefined) {
    expect(sample.id).to.include('custom-root');
    return;
  }
  expect(claims.debug, sample.id).to.equal(fields.debug_mode);
  expect(timeText(claims.validFromMs), sample.id).to.equal(fields.chain_valid_from);
  expect(timeText(claims.validUntilMs), sample.id).to.equal(fields.chain_valid_until);
  expect(claims.details['chain'], sample.id).to.equal(fields.chain_subjects.join(' > '));
}
