/** Writes docs/platforms.md from the table of platforms: `node scripts/platforms.ts`. */
import { writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import type { PlatformVerifier } from '#shared/attestation/platform.ts';
import { isPlatform, PLATFORM_VERIFIERS, PLATFORMS, type Platform } from '#shared/attestation/platforms.ts';

/** Where the page is published. */
export const PLATFORMS_FILE = fileURLToPath(new URL('../docs/platforms.md', import.meta.url));

/** What has been run where. `recorded` counts samples of real evidence; none of them was made by Cloister. */
interface Tried {
  readonly attester: string;
  readonly hardware: string;
  readonly recorded: string;
  readonly emulated: string;
}

const NO_HARDWARE = 'no';
const FROM_A_SERVICE = 'none: the token comes from a service on the network';

const TRIED: Readonly<Record<Platform, Tried>> = {
  'aws-nitro': {
    attester: '`/dev/nsm`, through `infra/nitro/nsm-bridge.pl`',
    hardware: NO_HARDWARE,
    recorded: '21 documents, 2021 to 2025; one more of an unsigned emulated device',
    emulated: 'full study on a device in software',
  },
  'amd-sev-snp': {
    attester: 'Linux configfs-tsm (`sev_guest`), with the certificate table of the host',
    hardware: NO_HARDWARE,
    recorded: '23 reports, versions 2, 3 and 5, Milan, Genoa and Turin, VCEK and VLEK',
    emulated: 'full study on an emulated configfs-tsm',
  },
  'intel-tdx': {
    attester: 'Linux configfs-tsm (`tdx_guest`); collateral by the host',
    hardware: NO_HARDWARE,
    recorded: '28 quotes, versions 4 and 5, with 3 years of collateral',
    emulated: 'full study on an emulated configfs-tsm',
  },
  'intel-sgx': {
    attester: "Gramine's `/dev/attestation`; collateral by the host",
    hardware: NO_HARDWARE,
    recorded: '26 quotes, version 3. Versions 4 and 5 only as the emulator writes them: none is public',
    emulated: 'full study on an emulated `/dev/attestation`',
  },
  'azure-cvm': {
    attester: 'tpm2-tools on the NV indices of the vTPM; VCEK or TD quote from the metadata service',
    hardware: NO_HARDWARE,
    recorded: '8 reports, SNP and TDX, 6 of them with a vTPM quote',
    emulated: 'full study with stand-ins for tpm2-tools and the metadata service',
  },
  'tpm-quote': {
    attester: 'tpm2-tools',
    hardware: 'no; on swtpm, the software TPM, with the real tools',
    recorded: '5 quotes, 3 of them of a cloud vTPM with its event log',
    emulated: 'a participant that attests by swtpm, and a full study',
  },
  'gcp-confidential-space': {
    attester: "the launcher's unix socket",
    hardware: NO_HARDWARE,
    recorded: '1 token that verifies, 1 whose key is not public',
    emulated: 'full study with an emulated launcher',
  },
  'azure-maa-jwt': {
    attester: FROM_A_SERVICE,
    hardware: NO_HARDWARE,
    recorded: '1 token whose key is not public: read and refused',
    emulated: 'tokens of an emulated issuer',
  },
  'intel-trust-authority': {
    attester: FROM_A_SERVICE,
    hardware: NO_HARDWARE,
    recorded: '1 token whose key is not public: read and refused',
    emulated: 'tokens of an emulated issuer',
  },
  'eat-ear': {
    attester: FROM_A_SERVICE,
    hardware: NO_HARDWARE,
    recorded: '1 token, under the key that it came with',
    emulated: 'tokens of an emulated issuer',
  },
  'nvidia-nras': {
    attester: FROM_A_SERVICE,
    hardware: NO_HARDWARE,
    recorded: '1 token whose key is not public: read and refused',
    emulated: 'tokens of an emulated issuer',
  },
  'nvidia-gpu': {
    attester: 'none',
    hardware: NO_HARDWARE,
    recorded: '2 reports, a Hopper GPU and a switch',
    emulated: 'no',
  },
};

const HEAD = `# Platforms

<!-- Written by scripts/platforms.ts from shared/attestation/platforms.ts. Do not edit. -->

Which evidence Cloister verifies, what each platform's evidence proves, which names a policy may use for it, and, plainly,
what has been run where. Verification is offline: time, roots and endorsements are arguments, nothing is fetched.

**Nothing here has run on TEE hardware.** The verifiers agree with real evidence that others recorded on real hardware; the
attesters drive the interfaces that kernels and clouds document, and were run against emulations of them.`;

const NAMES = `## Names that a policy may use

Reference values of a platform must state every name of at least one line of "must state". An attribute with a default is
demanded to have it wherever a policy does not say otherwise. Fields of a policy: [manifest.md](manifest.md).`;

const ENDORSEMENTS = `## Endorsements

| platform | needed beside the evidence | where it comes from |
| --- | --- | --- |
| aws-nitro | nothing: the document holds its certificates | - |
| amd-sev-snp | VCEK or VLEK, ASK or ASVK, ARK; CRL of the ARK | the host's certificate table, AMD's key distribution service |
| intel-tdx, intel-sgx | collateral: TCB info, QE identity, CRLs, issuer chains; the PCK chain where a quote does not hold it | Intel's provisioning certification service, or a caching service |
| azure-cvm | as the hardware below it | the VM's metadata service, and as above |
| tpm-quote | nothing for an enrolled key; else the certificates of the attestation key | the TPM, its vendor |
| tokens | the issuer's keys (JWK set) where the token holds no certificates | the issuer |
| nvidia-gpu | the device's certificates | the device |

They travel with the evidence. The host of an enclave reads them from its \`--endorsements\` folder; \`cloister endorsements
fetch\` fills such a folder on a machine with a network and \`import\` on one without. What is missing or out of date is named
(\`CRL_MISSING\`, \`CRL_EXPIRED\`, \`COLLATERAL_MISSING\`, \`COLLATERAL_EXPIRED\`) and refuses unless the policy says otherwise.`;

/** The page, as text. */
export function platformsText(): string {
  const platforms = PLATFORMS.filter(isPlatform).map((name): [Platform, PlatformVerifier] => [
    name,
    PLATFORM_VERIFIERS[name],
  ]);
  const tried = platforms.map(([name, { title }]) => {
    const { attester, hardware, recorded, emulated } = TRIED[name];
    return [`\`${name}\``, title, attester, hardware, recorded, emulated];
  });
  const head = [
    'platform',
    'what it is',
    'evidence is made by',
    'run on hardware',
    'run on recorded evidence',
    'run on emulation',
  ];
  const parts = [
    HEAD,
    table(head, tried),
    ENDORSEMENTS,
    NAMES,
    ...platforms.map(([name, verifier]) => section(name, verifier)),
  ];
  return `${parts.join('\n\n')}\n`;
}

function section(
  name: Platform,
  { title, anchors, vocabulary, reportDataBytes, unprotected }: PlatformVerifier,
): string {
  const { measurements, attributes, openAttributes, levels, identifiedBy } = vocabulary;
  const known = Object.entries(attributes).map(([attribute, { type, otherwise }]) =>
    otherwise === undefined
      ? `\`${attribute}\` (${type})`
      : `\`${attribute}\` (${type}, \`${otherwise}\` unless stated)`,
  );
  const rows = [
    [
      'built-in roots (SHA-256)',
      anchors.map((anchor) => `${anchor.name} \`${anchor.sha256}\``).join('<br>') || 'none: a policy names the key',
    ],
    ['binds', `${reportDataBytes} bytes of report data`],
    ['measurements', ranges(measurements).join(', ') || 'none'],
    ['attributes', [...known, ...(openAttributes ? ['any other claim, by its path'] : [])].join(', ') || 'none'],
    ['minimums', levels.map((level) => `\`${level}\``).join(', ') || 'none'],
    ['must state', identifiedBy.map((names) => names.map((each) => `\`${each}\``).join(' and ')).join(', or ')],
  ];
  const warning = unprotected === undefined ? '' : `**The operator can read its memory:** ${unprotected}.\n\n`;
  return `### ${name}: ${title}\n\n${warning}${table(['', ''], rows)}`;
}

/** Names that differ in their last number only, and follow each other, as one entry. */
function ranges(measurements: Readonly<Record<string, number>>): readonly string[] {
  const runs: { first: string; last: string; bytes: number }[] = [];
  for (const [name, bytes] of Object.entries(measurements)) {
    const run = runs.at(-1);
    if (run !== undefined && run.bytes === bytes && name === next(run.last)) run.last = name;
    else runs.push({ first: name, last: name, bytes });
  }
  return runs.map(({ first, last, bytes }) =>
    first === last ? `\`${first}\` (${bytes} bytes)` : `\`${first}\` to \`${last}\` (${bytes} bytes each)`,
  );
}

function next(name: string): string | undefined {
  const digits = /\d+$/.exec(name)?.[0];
  return digits === undefined ? undefined : `${name.slice(0, -digits.length)}${Number(digits) + 1}`;
}

function line(cells: readonly string[]): string {
  return `| ${cells.join(' | ')} |`;
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n');
}

if (import.meta.main) await writeFile(PLATFORMS_FILE, platformsText());
