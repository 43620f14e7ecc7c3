import { expect } from 'chai';
import { ATTESTERS } from '#enclave/attester/attesters.ts';
import { PLATFORMS } from '#shared/attestation/platforms.ts';
import { filesIn, read } from './sources.ts';

/** The folder or file of each verifier. What verifies evidence, appraises it and shows it knows platforms by the table. */
const VERIFIER_HOMES: Readonly<Record<string, string>> = {
  'aws-nitro': 'shared/attestation/nitro/',
  'amd-sev-snp': 'shared/attestation/sev-snp/',
  'intel-tdx': 'shared/attestation/tdx/',
  'intel-sgx': 'shared/attestation/sgx/',
  'azure-cvm': 'shared/attestation/azure/',
  'tpm-quote': 'shared/attestation/tpm/',
  'gcp-confidential-space': 'shared/attestation/jwt/gcp.ts',
  'azure-maa-jwt': 'shared/attestation/jwt/maa.ts',
  'intel-trust-authority': 'shared/attestation/jwt/ita.ts',
  'eat-ear': 'shared/attestation/jwt/ear.ts',
  'nvidia-nras': 'shared/attestation/jwt/nras.ts',
  'nvidia-gpu': 'shared/attestation/nvidia/',
};

const TABLE = 'shared/attestation/platforms.ts';

/** Places that know single platforms and without which a further one works all the same, each with its reason. */
const OPTIONAL: Readonly<Record<string, string>> = {
  'aggregator/enclave/settings.ts': '--nsm is the older name for the device of one platform',
  'client/vectors/': 'adapters of a collection of test vectors',
  'client/endorsements/': "what each vendor's service is asked for",
  'client/cli/commands/endorsements-fetch.ts': 'the same, by flags',
};

describe('a further platform', () => {
  it('is its verifier, its attester and its line: no other code of the product names one', () => {
    const elsewhere = filesIn(['shared', 'aggregator', 'client'])
      .filter(
        (path) =>
          path.endsWith('.ts') && path !== TABLE && !Object.keys(OPTIONAL).some((place) => path.startsWith(place)),
      )
      .flatMap((path) => PLATFORMS.filter((name) => read(path).includes(`'${name}'`)).map((name) => ({ path, name })))
      .filter(({ path, name }) => !path.startsWith(VERIFIER_HOMES[name] ?? '?') && !isAttester(path));
    expect(elsewhere).to.deep.equal([]);
  });

  it('has a home that is known here', () => {
    expect(Object.keys(VERIFIER_HOMES)).to.deep.equal(PLATFORMS);
  });

  it('has one attester file, where this machine can make its evidence', () => {
    const files = filesIn(['aggregator/enclave/attester']).filter((path) => path.endsWith('.ts'));
    for (const name of ATTESTERS) {
      const naming = files.filter((path) => read(path).includes(`platform: '${name}'`));
      expect(naming, name).to.have.lengthOf(1);
    }
  });
});

function isAttester(path: string): boolean {
  return path.startsWith('aggregator/enclave/attester/') && !path.endsWith('/attesters.ts');
}
