import type { Claims } from '#shared/attestation/claims.ts';
import { splitCertificates } from '#shared/attestation/dcap/certificates.ts';
import type { Endorsement } from '#shared/attestation/evidence.ts';
import { attempt } from '#shared/attestation/malformed.ts';
import { requiredFile } from './files.ts';
import { sgxFields, tdxFields } from './intel-fields.ts';
import { looseCollateral } from './intel-loose.ts';
import type { VectorFiles, VectorPlatform, VectorRequest } from './vector-platform.ts';

const QUOTE = 'quote.bin';
/** Certificates of a quote that does not hold its own. */
const CERTIFICATES: readonly string[] = ['pckCert.pem', 'pckSignChain.pem'];

type IntelPlatform = 'intel-sgx' | 'intel-tdx';

/** Samples of Intel SGX: a quote, and the collateral that a verdict names. */
export const intelSgxVectors: VectorPlatform = {
  caseOf: (request) =>
    caseOf('intel-sgx', request, ['init', 'provision_key', 'einittoken_key', 'kss', 'unknown_attributes']),
  fieldsOf: async (files) => sgxFields(requiredFile(files, QUOTE), certificatesIn(files)),
};

/** Samples of Intel TDX, likewise. */
export const intelTdxVectors: VectorPlatform = {
  caseOf: (request) => caseOf('intel-tdx', request, ['sept_ve_disable', 'migratable', 'unknown_td_attributes']),
  fieldsOf: async (files) => tdxFields(requiredFile(files, QUOTE), certificatesIn(files)),
};

/** `open` names attributes that our own default policy demands and the collection's does not. */
function caseOf(platform: IntelPlatform, { files, conditions }: VectorRequest, open: readonly string[]) {
  const document = requiredFile(files, QUOTE);
  const certificates = certificatesIn(files).map((bytes) => ({ kind: 'certificate', bytes }) as const);
  const endorsements = [...certificates, ...collateralOf(files, conditions.collateral)];
  return {
    evidence: { platform, document, endorsements },
    anchors: [],
    reference: ({ attributes }: Claims) => ({
      attributes: Object.fromEntries(
        open.flatMap((name) => (attributes[name] === undefined ? [] : [[name, attributes[name]] as const])),
      ),
    }),
  };
}

/** The bundle that the conditions name, or one made of the files of a sample that keeps its parts apart; none for `null`. */
function collateralOf(files: VectorFiles, name: string | null | undefined): readonly Endorsement[] {
  if (name === null) return [];
  const bytes = name === undefined ? looseCollateral(files) : requiredFile(files, name);
  return bytes === undefined ? [] : [{ kind: 'intel-collateral', bytes }];
}

/** DER of the certificates beside the quote; a file that is none of the forms goes to the verifier as it is. */
function certificatesIn(files: VectorFiles): readonly Uint8Array[] {
  return CERTIFICATES.flatMap((name) => {
    const bytes = files.get(name);
    if (bytes === undefined) return [];
    const split = attempt(() => splitCertificates(bytes));
    return split.kind === 'parsed' ? split.value : [bytes];
  });
}
