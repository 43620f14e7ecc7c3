import { expect } from 'chai';
import { loadPolicy } from '#client/evidence/policy-file.ts';
import { utf8 } from '#shared/bytes/bytes.ts';
import { Fault } from '#shared/fault/fault.ts';

const POLICY = {
  enclaves: [{ name: 'aggregator', platform: 'aws-nitro', measurements: { PCR0: 'ab'.repeat(48) } }],
};

describe('a policy file', () => {
  it('is read as YAML and as JSON', () => {
    const yaml = `enclaves:\n  - name: aggregator\n    platform: aws-nitro\n    measurements: { PCR0: ${'ab'.repeat(48)} }\n`;
    expect(loadPolicy(utf8(yaml), 'policy.yaml')).to.deep.equal(POLICY);
    expect(loadPolicy(utf8(JSON.stringify(POLICY)), 'policy.json')).to.deep.equal(POLICY);
  });

  it('is read out of what a program printed around it', () => {
    const printed = JSON.stringify({ event: 'enclave-launched', policy: POLICY });
    expect(loadPolicy(utf8(printed), 'line.json')).to.deep.equal(POLICY);
  });

  it('is read out of a log in which it is one line of several', () => {
    const log = `started\n${JSON.stringify({ event: 'enclave-launched', policy: POLICY })}\n{"event":"enclave-ready"}\n`;
    expect(loadPolicy(utf8(log), 'enclave.log')).to.deep.equal(POLICY);
  });

  it('is refused with every wrong field, what was found and what was expected', () => {
    const enclave = { name: 'a', platform: 'nitro', measurements: { PCR0: 'AB' } };
    expect(refusal({ enclaves: [enclave], debug: 'yes' }))
      .to.include('policy.yaml is no policy that can be used:')
      .and.include('\n  enclaves[0].platform: found "nitro", expected aws-nitro, amd-sev-snp')
      .and.include('\n  enclaves[0].measurements.PCR0: found "AB", expected')
      .and.include('\n  debug: found "yes", expected refuse or allow');
  });

  it('is refused for names that its platform does not have', () => {
    const enclave = { name: 'a', platform: 'aws-nitro', measurements: { PCR0: 'ab'.repeat(48), MRTD: 'ab' } };
    expect(refusal({ enclaves: [enclave] })).to.include('enclaves[0].measurements.MRTD: aws-nitro has no such name');
  });

  for (const [what, text, words] of [
    ['an empty file', '', 'policy: found nothing, expected a map with enclaves'],
    ['another file', '{"platform":"aws-nitro","document":"AA=="}', 'enclaves: is missing, expected a list'],
    ['a policy that is none within what was printed', '{"policy":5}', 'policy: found 5, expected a map with enclaves'],
    ['what is neither YAML nor JSON', 'enclaves: [\n', 'not valid YAML or JSON (line 2)'],
    ['aliases', 'enclaves: [&a { name: *b }]', 'aliases are not allowed'],
  ] as const) {
    it(`refuses ${what}`, () => {
      expect(refusal(text)).to.include(words);
    });
  }

  it('refuses bytes that are not UTF-8', () => {
    expect(() => loadPolicy(Uint8Array.of(0xff), 'policy.yaml')).to.throw(Fault, 'not UTF-8');
  });
});

function refusal(content: string | object): string {
  const text = typeof content === 'string' ? content : JSON.stringify(content);
  try {
    loadPolicy(utf8(text), 'policy.yaml');
  } catch (cause) {
    if (cause instanceof Fault && cause.code === 'POLICY_INVALID') return cause.message;
    throw cause;
  }
  return 'accepted';
}
