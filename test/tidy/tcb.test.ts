import { expect } from 'chai';
import { type TcbReport, tcbReport, tcbText } from '#scripts/tcb-report.ts';

/** Lines of code of ours that are measured and that updates pass through or that decide what becomes of them. */
const CODE_LINES_MAX = 6500;
/**
 * All of ours, with what proves an enclave to others and others to it. Twelve kinds of evidence, from DER to the levels of
 * Intel's TCB, are most of it; a participant reaches it only after its signature by a key of the manifest.
 */
const ALL_MAX = 15_500;
/**
 * The verifier judges participants' evidence and nothing else, the attesters make the enclave's own: no update passes
 * through either.
 */
const VERIFIER = /^(shared\/attestation|aggregator\/enclave\/attester)(\/|$)/;

/** Packages in the measured code, and why. Another one needs a written case first. */
const PACKAGES: Readonly<Record<string, string>> = {
  '@sinclair/typebox': 'schemas of everything that is decoded; Value.Check only, no code generation',
  '@tensorflow/tfjs-core': 'applies the mean to the model; imported by one file',
  '@tensorflow/tfjs-backend-wasm': 'its kernels, and the WebAssembly binary that computes them',
  '@tensorflow/tfjs-backend-cpu': 'tfjs-backend-wasm takes shape arithmetic from it',
  long: 'tfjs-core needs it for hashes',
  msgpackr: 'the wire; what it decodes is proven strict before and by schema after',
  'node-fetch': "tfjs-core's platform for Node names it; nothing in the enclave fetches",
  tr46: 'of whatwg-url',
  'webidl-conversions': 'of whatwg-url',
  'whatwg-url': 'of node-fetch',
  ws: 'WebSocket, which ends inside the enclave',
  yaml: 'manifests are written in YAML and signed as written',
};
const LICENCES = ['MIT', 'Apache-2.0', 'BSD-2-Clause', 'ISC'];

describe('the trusted computing base', () => {
  let report: TcbReport;
  before(async () => {
    report = await tcbReport();
  });

  it('keeps our own code, without verifiers and attesters, within 6,500 lines', () => {
    const lines = report.own
      .filter(({ name }) => !VERIFIER.test(name))
      .reduce((sum, { codeLines }) => sum + codeLines, 0);
    console.log(`      ${lines} lines of code without verifiers and attesters`);
    expect(lines).to.be.above(1000).and.at.most(CODE_LINES_MAX);
  });

  it('keeps our own code, with verifiers and attesters, within 15,500 lines', () => {
    console.log(`      ${report.ownCodeLines} lines of code, ${report.ownLines} with comments`);
    expect(report.ownCodeLines).to.be.above(1000).and.at.most(ALL_MAX);
  });

  it('holds exactly the packages that have a reason to be there', () => {
    expect(report.packages.map(({ name }) => name).toSorted()).to.deep.equal(Object.keys(PACKAGES).toSorted());
  });

  it('holds no package under a licence that asks for more than its notice', () => {
    expect(report.packages.filter(({ licence }) => !LICENCES.includes(licence))).to.deep.equal([]);
  });

  it('is printed with every folder, package and the digest', () => {
    const text = tcbText(report);
    for (const { name } of [...report.own, ...report.packages]) expect(text).to.include(`  ${name} `);
    expect(text).to.include(report.bundle.sha384);
  });
});
