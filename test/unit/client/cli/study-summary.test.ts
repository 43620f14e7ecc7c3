import { expect } from 'chai';
import { studyJson, studySummary } from '#client/cli/study-summary.ts';
import { nodeCrypto } from '#shared/crypto/node.ts';
import { readStudy, type Study } from '#shared/study/study.ts';
import { manifestBytes } from '#test/unit/shared/study/sample-manifest.ts';

const PCR0 = `{ name: aggregator, platform: aws-nitro, measurements: { PCR0: ${'a'.repeat(96)} } }`;
const SNP = `{ name: cloud, platform: amd-sev-snp, measurements: { MEASUREMENT: ${'b'.repeat(96)} }, attributes: { vmpl: 1 },
      minimums: { tcb.bootloader: 10, tcb.tee: 0, tcb.snp: 23, tcb.microcode: 84 }, tcbStatuses: [UpToDate, OutOfDate], advisories: [INTEL-SA-00615] }`;
const SERVER = `{ enclaves: [{ name: server, platform: tpm-quote, measurements: { PCR4: ${'c'.repeat(64)} } }] }`;

/** The sample with other enclaves, further roots, and evidence that its first participant must show. */
function study(roots = ''): Study {
  const bytes = manifestBytes((text) =>
    text
      .replace(`  - ${PCR0}\n`, `  - ${PCR0}\n  - ${SNP}\n${roots}`)
      .replace(/(id: mary, .*) \}/, `$1, evidence: ${SERVER} }`),
  );
  return readStudy(bytes, nodeCrypto);
}

describe('what a study will do, in words', () => {
  it('says of each accepted enclave what it must show', () => {
    const lines = studySummary(study());
    expect(lines).to.include(`enclave             aggregator (aws-nitro)`);
    expect(lines).to.include(`  PCR0              ${'a'.repeat(96)}`);
    expect(lines).to.include(`enclave             cloud (amd-sev-snp)`);
    expect(lines).to.include(`  MEASUREMENT       ${'b'.repeat(96)}`);
    expect(lines).to.include('  at least          tcb.bootloader 10, tcb.tee 0, tcb.snp 23, tcb.microcode 84');
    expect(lines).to.include('  with              vmpl 1');
    expect(lines).to.include('  TCB status        UpToDate, OutOfDate');
    expect(lines).to.include('  despite           INTEL-SA-00615');
  });

  it('says who must show evidence, and of what', () => {
    expect(studySummary(study())).to.include('must show evidence  mary: server (tpm-quote)');
    expect(studyJson(study())).to.have.nested.property('participants[0].evidence.enclaves[0].name', 'server');
  });

  it('says EMULATED of a root that stands for no hardware, and of no other', () => {
    const emulated = study(
      `roots: [{ name: trial, platform: aws-nitro, sha256: ${'d'.repeat(64)}, emulated: true }]\n`,
    );
    expect(studySummary(emulated)).to.include(`EMULATED root       trial (aws-nitro), SHA-256 ${'d'.repeat(64)}`);
    expect(studyJson(emulated)).to.include({ emulated: true });
    const enrolled = study(
      `roots: [{ kind: key, name: ours, platform: tpm-quote, sha256: ${'d'.repeat(64)}, emulated: false }]\n`,
    );
    expect(studySummary(enrolled)).to.include(`enrolled key        ours (tpm-quote), SHA-256 ${'d'.repeat(64)}`);
    expect(studySummary(enrolled).join('\n')).to.not.include('EMULATED');
    expect(studyJson(enrolled)).to.include({ emulated: false });
  });
});
