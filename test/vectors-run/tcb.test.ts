import { type Static, Type } from '@sinclair/typebox';
import { Value } from '@sinclair/typebox/value';
import { expect } from 'chai';
import { requiredFile } from '#client/vectors/files.ts';
import type { Sample } from '#client/vectors/run.ts';
import { readVectors, vectorsFolder } from '#scripts/attestation-vectors.ts';
import { intelRoots } from '#shared/attestation/dcap/anchors.ts';
import { splitCertificates } from '#shared/attestation/dcap/certificates.ts';
import { type CollateralVerification, verifyCollateral } from '#shared/attestation/dcap/collateral.ts';
import { parseSgxQuote, parseTdQuote, type Quote } from '#shared/attestation/dcap/quote.ts';
import { parseSgxExtension, SGX_EXTENSION } from '#shared/attestation/dcap/sgx-extension.ts';
import { evaluateTcb, type PckVersions, type TcbEvaluation } from '#shared/attestation/dcap/tcb.ts';
import { parseCertificate } from '#shared/attestation/x509/certificate.ts';
import { timeText } from '#shared/attestation/x509/time.ts';
import { memoCrypto } from '#test/fakes/tee/memo-crypto.ts';

const text = Type.String();
const Advisories = Type.Array(text);

/** The fields of a verdict under collateral that say how the TCB was rated. */
const RatedSchema = Type.Object({
  at: text,
  collateral: text,
  tcb_info_version: Type.Integer(),
  tcb_evaluation_data_number: Type.Integer(),
  tcb_status: text,
  platform_tcb: Type.Object({ status: text, date: Type.Optional(text), advisories: Type.Optional(Advisories) }),
  tdx_module: Type.Union([
    Type.Null(),
    Type.Object({
      id: text,
      status: Type.Union([text, Type.Null()]),
      isvsvn: Type.Optional(Type.Integer()),
      advisories: Type.Optional(Advisories),
    }),
  ]),
  qe_tcb: Type.Object({ status: text, isvsvn: Type.Integer(), advisories: Advisories }),
  advisory_ids: Advisories,
  collateral_valid: Type.Tuple([text, text]),
  tcb_status_at_launch: Type.Optional(text),
  tcb_status_current_tee_tcb_svn_2: Type.Optional(text),
});
type Rated = Static<typeof RatedSchema>;

const crypto = memoCrypto();

/** Verdicts with a rating in each folder: a run that reads fewer proves less. */
const COUNTS = { 'intel-sgx': 27, 'intel-tdx': 45 } as const;

describe("Intel's ratings in the attestation test vectors", () => {
  before(function () {
    if (vectorsFolder() === undefined) this.skip();
  });

  for (const platform of ['intel-sgx', 'intel-tdx'] as const) {
    it(`are ours for every verdict of ${platform}, and so is the validity of its collateral`, async () => {
      let count = 0;
      const { samples } = await readVectors(platform);
      for (const sample of samples) {
        for (const rated of ratedVerdicts(sample)) {
          await compare(sample, rated, platform);
          count += 1;
        }
      }
      expect(count).to.equal(COUNTS[platform]);
    });
  }
});

async function compare(sample: Sample, rated: Rated, platform: keyof typeof COUNTS): Promise<void> {
  const place = `${sample.id} at ${rated.at}`;
  const tee = platform === 'intel-tdx' ? 'TDX' : 'SGX';
  const { reasons, collateral } = await verified(sample, rated, platform);
  expect(reasons, place).to.deep.equal([]);
  if (collateral === undefined) return expect.fail(`${place}: no collateral`);
  const bytes = requiredFile(sample.files, 'quote.bin');
  const quote = tee === 'TDX' ? parseTdQuote(bytes) : parseSgxQuote(bytes);
  const td = tee === 'TDX' ? parseTdQuote(bytes).report : undefined;
  const { pck, notBeforeMs } = pckOf(quote);
  const result = evaluateTcb({ pck, qeReport: quote.proof.qeReport, td }, collateral);
  expect(result.reasons, place).to.deep.equal([]);
  expect(result.evaluation && shown(result.evaluation), place).to.deep.equal(wanted(rated));
  const { version, evaluationNumber } = collateral.tcbInfo;
  expect([version, evaluationNumber], place).to.deep.equal([rated.tcb_info_version, rated.tcb_evaluation_data_number]);
  // The collection counts the PCK certificate among what must be valid already.
  const span = [timeText(Math.max(collateral.validFromMs, notBeforeMs)), timeText(collateral.validUntilMs)];
  expect(span, place).to.deep.equal(rated.collateral_valid);
}

function ratedVerdicts({ files }: Sample): readonly Rated[] {
  const json: unknown = JSON.parse(new TextDecoder().decode(requiredFile(files, 'expected.json')));
  if (!Value.Check(Type.Object({ verdicts: Type.Array(Type.Unknown()) }), json)) return [];
  return json.verdicts.flatMap((verdict) => (Value.Check(RatedSchema, verdict) ? [verdict] : []));
}

function verified(
  { files }: Sample,
  { at, collateral }: Rated,
  platform: keyof typeof COUNTS,
): Promise<CollateralVerification> {
  const expected = { tee: platform === 'intel-tdx' ? 'TDX' : 'SGX', anchors: intelRoots(platform), platform } as const;
  return verifyCollateral(requiredFile(files, collateral), expected, { atMs: Date.parse(at), crypto });
}

function pckOf({ proof }: Quote): { readonly pck: PckVersions; readonly notBeforeMs: number } {
  const chain = splitCertificates(proof.certification.bytes).map(parseCertificate);
  const leaf = chain.find(({ extensions }) => extensions.values.has(SGX_EXTENSION));
  const value = leaf?.extensions.values.get(SGX_EXTENSION) ?? new Uint8Array(0);
  const { fmspc, pceId, tcb } = parseSgxExtension(value);
  return { pck: { fmspc, pceId, ...tcb }, notBeforeMs: leaf?.notBeforeMs ?? Number.NaN };
}

/** A rating in the words of the collection. */
function shown({ status, advisories, platform, tdxModule, qe, launch, current }: TcbEvaluation) {
  return {
    status: named(status),
    advisories,
    platform: { status: named(platform.status), date: platform.date, advisories: platform.advisories },
    module: tdxModule && { ...tdxModule },
    qe: { ...qe },
    ...(current === undefined ? {} : { launch: named(launch), current: named(current) }),
  };
}

function wanted(rated: Rated) {
  const { platform_tcb: platform, tdx_module: tdxModule, qe_tcb: qe } = rated;
  const { tcb_status_at_launch: launch, tcb_status_current_tee_tcb_svn_2: current } = rated;
  return {
    status: rated.tcb_status,
    advisories: rated.advisory_ids,
    platform: { status: platform.status, date: platform.date, advisories: platform.advisories ?? [] },
    // Of a module that is rated with its platform the collection says nothing else.
    module: tdxModule?.isvsvn === undefined ? undefined : moduleOf(tdxModule),
    qe: { isvSvn: qe.isvsvn, status: qe.status, advisories: qe.advisories },
    ...(launch === undefined ? {} : { launch, current }),
  };
}

function moduleOf({ id, isvsvn, status, advisories }: NonNullable<Rated['tdx_module']>) {
  return { id, isvSvn: isvsvn, status, advisories };
}

function named(status: string): string {
  return status === 'NotSupported' ? 'TCB_NOT_SUPPORTED (no matching level)' : status;
}
