import { expect } from 'chai';
import { type DemoReport, readableBytes, reportJson, reportText, verdictOf } from '#scripts/demo/report.ts';

const score = (accuracy: number, auc: number) => ({ accuracy, auc, logLoss: 0.1 });
const round = (study: string, number: number) => ({
  study,
  round: number,
  totalMs: 200,
  attestationMs: number === 1 ? 40 : 0,
  trainingMs: 100,
  sealingMs: 2,
  openingMs: 1,
  foldingMs: 0.5,
  updateBytes: 10_240,
  releaseBytes: 6_144,
});

const REPORT: DemoReport = {
  platform: { name: 'AWS Nitro (emulator on this machine)', emulated: true },
  tensorBackend: 'tfjs 4.22.0 wasm (native: not installed)',
  testRows: 114,
  hospitals: [
    { name: 'Alder University Hospital', rows: 205, malignantShare: 0.2, localOnly: score(0.95, 0.99) },
    { name: 'Dogwood Rural Hospital', rows: 54, malignantShare: 21 / 54, localOnly: score(0.85, 0.95) },
  ],
  federated: score(0.965, 0.995),
  pooled: score(0.974, 0.997),
  rounds: [round('standardise', 1), round('breast-cancer', 1), round('breast-cancer', 2)],
  verifications: [
    { study: 'standardise', round: 1, release: 'ab'.repeat(32), outcome: { kind: 'verified' } },
    { study: 'breast-cancer', round: 1, release: 'cd'.repeat(32), outcome: { kind: 'verified' } },
  ],
};

describe('reportText', () => {
  it('shows every hospital, the mean, the federated and the pooled scores', () => {
    const lines = reportText(REPORT).split('\n');
    const numbersOf = (start: string): string[] =>
      lines.find((line) => line.startsWith(start))?.match(/\d+(\.\d)?/g) ?? [];
    expect(numbersOf('Alder')).to.deep.equal(['205', '20.0', '95.0', '99.0']);
    expect(numbersOf('Dogwood')).to.deep.equal(['54', '38.9', '85.0', '95.0']);
    expect(numbersOf('mean of the hospitals alone')).to.deep.equal(['90.0', '97.0']);
    expect(numbersOf('FEDERATED')).to.deep.equal(['96.5', '99.5']);
    expect(numbersOf('all data pooled')).to.deep.equal(['97.4', '99.7']);
  });

  it('shows the time of a round by study, its parts in percent, and bytes', () => {
    const text = reportText(REPORT);
    expect(text).to.match(/breast-cancer +2 +200 +9\.1 +45\.5 +0\.9 +0\.5 +0\.2\n/);
    expect(text).to.match(/standardise +1 +200 +16\.7 +41\.7 +0\.8 +0\.4 +0\.2\n/);
    expect(text).to.match(/breast-cancer +20\.0 KiB +12\.0 KiB +16\.0 KiB\n/);
  });

  it('fits 100 columns, with no blank at the end of a line', () => {
    const failed = {
      study: 'breast-cancer',
      round: 2,
      release: 'ef'.repeat(32),
      outcome: { kind: 'failed', reason: 'x'.repeat(200) },
    } as const;
    for (const line of reportText({ ...REPORT, verifications: [...REPORT.verifications, failed] }).split('\n')) {
      expect(line.length, line).to.be.at.most(100);
      expect(line).to.equal(line.trimEnd());
    }
  });

  it('says EMULATED where no hardware vouches, and only there', () => {
    expect(reportText(REPORT)).to.include('EMULATED');
    expect(reportText({ ...REPORT, platform: { name: 'AWS Nitro', emulated: false } })).not.to.include('EMULATED');
  });

  it('says so in capitals when a promise was broken', () => {
    expect(reportText(REPORT)).to.include('Federated beats the mean').and.to.include('Federated is within 2 points');
    const worse = reportText({ ...REPORT, federated: score(0.89, 0.96) });
    expect(worse).to.include('DOES NOT BEAT').and.to.include('IS NOT WITHIN');
  });

  it('counts verified releases and gives the reason of each failure', () => {
    expect(reportText(REPORT)).to.include('2 of 2 releases');
    const outcome = { kind: 'failed', reason: 'the payload is not the one that was signed' } as const;
    const failed = reportText({
      ...REPORT,
      verifications: [{ study: 'standardise', round: 1, release: 'ab'.repeat(32), outcome }],
    });
    expect(failed)
      .to.include('0 of 1 releases')
      .and.to.include('FAILED standardise round 1 (abababababababab): the payload is not');
  });
});

describe('verdictOf', () => {
  it('asks both accuracy and AUC to hold', () => {
    expect(verdictOf(REPORT)).to.deep.include({ beatsLocal: true, nearPooled: true, allVerified: true });
    expect(verdictOf({ ...REPORT, federated: score(0.965, 0.96) })).to.deep.include({
      beatsLocal: false,
      nearPooled: false,
    });
  });

  it('does not call nothing at all verified', () => {
    expect(verdictOf({ ...REPORT, verifications: [] }).allVerified).to.equal(false);
  });
});

describe('reportJson', () => {
  it('holds the report and its verdict', () => {
    expect(JSON.parse(reportJson(REPORT))).to.deep.equal({ ...REPORT, verdict: verdictOf(REPORT) });
  });
});

describe('readableBytes', () => {
  it('changes unit at 1024', () => {
    expect([1023, 1024, 2 ** 20].map(readableBytes)).to.deep.equal(['1023 B', '1.0 KiB', '1.0 MiB']);
  });
});
