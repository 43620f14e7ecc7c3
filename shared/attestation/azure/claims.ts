import { EMPTY, toHex } from '../../bytes/bytes.ts';
import type { Claims } from '../claims.ts';
import type { JsonObject } from '../json.ts';
import { booleanOfMember, textOfMember } from '../json.ts';
import type { AttributeRule, PolicyVocabulary } from '../platform.ts';
import { SNP_VOCABULARY } from '../sev-snp/claims.ts';
import { TDX_VOCABULARY } from '../tdx/claims.ts';
import type { TpmQuote } from '../tpm/attest.ts';
import type { QuoteParts } from '../tpm/quote.ts';
import { measurementsOf, registerNames } from '../tpm/registers.ts';
import type { AzureHardware } from './hcl.ts';
import type { RuntimeClaims } from './runtime-claims.ts';

/** Members of `vm-configuration` that are yes or no, by the names of their attributes. */
const CONFIGURATION = {
  secure_boot: 'secure-boot',
  tpm_enabled: 'tpm-enabled',
  tpm_persisted: 'tpm-persisted',
  console_enabled: 'console-enabled',
  interactive_console_enabled: 'interactive-console-enabled',
  filtered_vpci_devices_allowed: 'filtered-vpci-devices-allowed',
} as const;

/** And those that are text. */
const CONFIGURATION_TEXTS = { vm_unique_id: 'vmUniqueId', root_cert_thumbprint: 'root-cert-thumbprint' } as const;

const REGISTERS = { ...registerNames('sha256'), ...registerNames('sha384'), ...registerNames('sha1') };

/** Registers that tell what was booted: loader, kernel and its files, unified kernel image. Not 23, which programs may reset. */
const BOOTED = [4, 8, 9, 11];

/**
 * Names that a policy may use for an Azure confidential VM: those of its hardware, the registers of its vTPM, and how
 * the VM is set up.
 *
 * The hardware's measurement is of Microsoft's paravisor and firmware alone; what they boot is in the registers. So
 * reference values state both: for SEV-SNP all that they state there, for TDX MRTD without the registers RTMR0 to
 * RTMR2, which the paravisor leaves at zero; and a register of what was booted.
 */
export const AZURE_VOCABULARY: PolicyVocabulary = {
  measurements: { ...REGISTERS, ...SNP_VOCABULARY.measurements, ...TDX_VOCABULARY.measurements },
  attributes: {
    hardware: { type: 'text' },
    ...hardwareRules(SNP_VOCABULARY, 'SEV-SNP'),
    ...hardwareRules(TDX_VOCABULARY, 'TDX'),
    ...Object.fromEntries(Object.keys(CONFIGURATION).map((name) => [name, { type: 'boolean' as const }])),
    ...Object.fromEntries(Object.keys(CONFIGURATION_TEXTS).map((name) => [name, { type: 'text' as const }])),
    user_data: { type: 'text' },
  },
  openAttributes: false,
  levels: [...new Set([...SNP_VOCABULARY.levels, ...TDX_VOCABULARY.levels])],
  identifiedBy: [...SNP_VOCABULARY.identifiedBy, ['MRTD']].flatMap((names) =>
    BOOTED.map((index) => [...names, `PCR${index}`]),
  ),
};

/** The attributes of one kind of hardware, whose defaults are demanded of evidence on it alone. */
function hardwareRules(
  { attributes }: PolicyVocabulary,
  hardware: AzureHardware,
): Readonly<Record<string, AttributeRule>> {
  const onlyIf = { attribute: 'hardware', equals: hardware };
  return Object.fromEntries(
    Object.entries(attributes).map(([name, rule]) => [name, rule.otherwise === undefined ? rule : { ...rule, onlyIf }]),
  );
}

/** What Azure's claims are made of. */
export interface ClaimedVm {
  readonly hardware: AzureHardware;
  /** Claims of the report or quote below. */
  readonly below: Claims;
  readonly runtime: RuntimeClaims;
  /** The quote of the vTPM and the registers shown with it; `undefined` where none came or it cannot be read. */
  readonly quoted: { readonly quote: TpmQuote; readonly parts: QuoteParts } | undefined;
}

/** The claims of a VM: those of its hardware, with the registers of its vTPM and how it is set up. */
export function azureClaims({ hardware, below, runtime, quoted }: ClaimedVm): Claims {
  const extraData = quoted?.quote.extraData ?? EMPTY;
  return {
    ...below,
    platform: 'azure-cvm',
    measurements: { ...below.measurements, ...(quoted === undefined ? {} : measurementsOf(quoted.parts.pcrs)) },
    attributes: { ...below.attributes, ...configurationOf(runtime.vmConfiguration), ...userDataOf(runtime), hardware },
    reportData: extraData,
    nonce: extraData,
    checks: [...below.checks, ...CHECKS],
    details: {
      ...below.details,
      hardwareReportData: toHex(below.reportData),
      ...(quoted === undefined ? {} : quoteDetails(quoted.quote)),
    },
  };
}

function configurationOf(configuration: JsonObject): Claims['attributes'] {
  const booleans = Object.entries(CONFIGURATION).map(
    ([name, member]) => [name, booleanOfMember(configuration, member)] as const,
  );
  const texts = Object.entries(CONFIGURATION_TEXTS).map(
    ([name, member]) => [name, textOfMember(configuration, member)] as const,
  );
  return Object.fromEntries(
    [...booleans, ...texts].flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])),
  );
}

function userDataOf({ userData }: RuntimeClaims): Claims['attributes'] {
  return userData === undefined ? {} : { user_data: userData };
}

function quoteDetails({ clockMs, resetCount, restartCount, qualifiedSigner }: TpmQuote): Claims['details'] {
  return {
    qualifiedSigner: toHex(qualifiedSigner),
    clockMs: `${clockMs}`,
    resetCount: `${resetCount}`,
    restartCount: `${restartCount}`,
  };
}

const CHECKS = [
  'report data of the hardware: the hash of the runtime claims, and nothing else',
  'the quote of the vTPM by the key in the runtime claims, its registers and their digest',
];
