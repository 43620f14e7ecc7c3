import type { Command } from 'commander';
import { AMD_KDS, fetchFromAmd } from '#client/endorsements/amd-kds.ts';
import { type DescribedEndorsement, describeEndorsement } from '#client/endorsements/describe.ts';
import { fetchFromIntel, INTEL_PCS } from '#client/endorsements/intel-pcs.ts';
import { kdsParameters } from '#client/endorsements/kds-tcb.ts';
import {
  type AmdNeeds,
  CHIP_ID_BYTES,
  type EndorsementNeeds,
  type IntelNeeds,
  needsOf,
} from '#client/endorsements/needs.ts';
import type { Endorsement } from '#shared/attestation/evidence.ts';
import { SNP_PRODUCTS, type SnpProduct } from '#shared/attestation/sev-snp/product.ts';
import type { SplName } from '#shared/attestation/sev-snp/tcb.ts';
import type { CryptoPort } from '#shared/crypto/port.ts';
import { Fault } from '#shared/fault/fault.ts';
import { cacheFolder, storeInCache } from '../endorsement-cache.ts';
import { endorsementsView } from '../endorsement-view.ts';
import { knownEvidenceIn, readEvidence } from '../evidence-input.ts';
import { type CliContext, type CliRuntime, textFlag } from '../runtime.ts';

const HELP = `
AMD: authorities and revocation list of --product, and with --chip-id and --tcb the VCEK of a chip. --tcb lists the
security versions of bootloader, tee, snp and microcode; for Turin those of fmc, bootloader, tee, snp and microcode.
Intel: TCB info, QE identity and both revocation lists for the platforms of --fmspc.
--for takes all of that from evidence. Nothing is believed: what is fetched is verified when evidence is.`;

/** Adds the option that names the cache. */
export function withFolder(command: Command): Command {
  return command.option(
    '--folder <folder>',
    'the cache (CLOISTER_ENDORSEMENTS, else cloister/endorsements in ~/.cache or XDG_CACHE_HOME)',
  );
}

/** `cloister endorsements fetch` */
export function mountEndorsementsFetch(endorsements: Command, runtime: CliRuntime): void {
  withFolder(endorsements.command('fetch'))
    .description("fetch from AMD's or Intel's service, or from one that caches their answers")
    .option('--for <file>', 'an evidence file: everything that it needs')
    .option('--platform <name>', 'amd-sev-snp, intel-tdx or intel-sgx')
    .option('--product <name>', `AMD: ${SNP_PRODUCTS.join(', ')}`)
    .option('--chip-id <hex>', 'AMD: the chip, as its reports name it')
    .option('--tcb <versions>', 'AMD: the reported TCB, such as 10,0,23,84')
    .option('--vlek', "AMD: the authorities over providers' keys (VLEK) instead of chips' (VCEK)")
    .option('--fmspc <hex>', 'Intel: family of platforms')
    .option('--ca <name>', 'Intel: platform or processor, the authority over the platform certificate', 'platform')
    .option('--from <url>', `a service to ask instead of ${AMD_KDS.host} or ${INTEL_PCS.host}, such as a PCCS`)
    .addHelpText('after', HELP)
    .action(runtime.action(fetchEndorsements));
}

async function fetchEndorsements(context: CliContext): Promise<void> {
  const { crypto, output, signal } = context;
  const needs = await wantedBy(context);
  const from = baseOf(context);
  const found =
    needs.kind === 'amd'
      ? await fetchFromAmd(needs, from ?? AMD_KDS, signal)
      : await fetchFromIntel(needs, from, signal);
  if (needs.kind === 'amd' && needs.signingKey === 'VLEK') {
    output.note('The VLEK itself is not published: its provider gives it to the machine. Import it, or its table.');
  }
  const folder = cacheFolder(context);
  output.show(
    endorsementsView(
      folder,
      await storeInCache(
        folder,
        found.map((each) => readable(each, crypto)),
      ),
      context,
    ),
  );
}

function readable(endorsement: Endorsement, crypto: CryptoPort): DescribedEndorsement {
  const described = describeEndorsement(endorsement, crypto);
  if (described.kind === 'parsed') return described.value;
  throw new Fault(
    'CONNECTION_LOST',
    `the service gave a ${endorsement.kind} that cannot be read: ${described.reason.detail}`,
  );
}

async function wantedBy(context: CliContext): Promise<EndorsementNeeds> {
  const { crypto, flags } = context;
  const product = productIn(context);
  const file = textFlag(flags, 'for');
  if (file !== undefined) {
    const { evidence } = await readEvidence(file);
    return needsOf(knownEvidenceIn(evidence), product, crypto);
  }
  const platform = textFlag(flags, 'platform');
  switch (platform) {
    case 'amd-sev-snp':
      return amdNeeds(context, product);
    case 'intel-tdx':
      return intelNeeds(context, 'TDX');
    case 'intel-sgx':
      return intelNeeds(context, 'SGX');
    default:
      throw invalid('--platform', platform, 'amd-sev-snp, intel-tdx or intel-sgx, or an evidence file with --for');
  }
}

function amdNeeds({ flags }: CliContext, product: SnpProduct | undefined): AmdNeeds {
  if (product === undefined) throw invalid('--product', undefined, SNP_PRODUCTS.join(', '));
  const signingKey = flags['vlek'] === true ? 'VLEK' : 'VCEK';
  const [chipId, tcb] = [textFlag(flags, 'chipId'), textFlag(flags, 'tcb')];
  if (chipId === undefined && tcb === undefined) return { kind: 'amd', product, signingKey, chipId, tcb };
  if (signingKey === 'VLEK') throw new Fault('CONFIG_INVALID', '--vlek takes neither --chip-id nor --tcb');
  return { kind: 'amd', product, signingKey, chipId: chipIdIn(chipId, product), tcb: tcbIn(tcb, product) };
}

/** Reports name a Turin chip in 64 bytes, of which its service wants the 8 that are not zero. */
function chipIdIn(text: string | undefined, product: SnpProduct): string {
  const hex = text?.toLowerCase() ?? '';
  const digits = 2 * CHIP_ID_BYTES[product];
  if (/^([0-9a-f]{16}|[0-9a-f]{128})$/.test(hex) && hex.length >= digits) return hex.slice(0, digits);
  throw invalid('--chip-id', text, `${digits} hexadecimal digits for ${product}`);
}

function tcbIn(text: string | undefined, product: SnpProduct): ReadonlyMap<SplName, number> {
  const names = kdsParameters(product);
  const versions = (text ?? '').split(',').map((each) => (/^\d{1,3}$/.test(each) ? Number(each) : 256));
  if (versions.length === names.length && versions.every((version) => version <= 255)) {
    return new Map(names.map((name, index) => [name, versions[index] ?? 0]));
  }
  throw invalid('--tcb', text, `${names.length} numbers from 0 to 255 for ${product}: ${names.join(', ')}`);
}

function intelNeeds({ flags }: CliContext, tee: IntelNeeds['tee']): IntelNeeds {
  const fmspc = textFlag(flags, 'fmspc')?.toLowerCase();
  const ca = textFlag(flags, 'ca');
  if (fmspc === undefined || !/^[0-9a-f]{12}$/.test(fmspc)) throw invalid('--fmspc', fmspc, '12 hexadecimal digits');
  if (ca !== 'platform' && ca !== 'processor') throw invalid('--ca', ca, 'platform or processor');
  return { kind: 'intel', tee, fmspc, ca };
}

function productIn({ flags }: CliContext): SnpProduct | undefined {
  const text = textFlag(flags, 'product');
  const product = SNP_PRODUCTS.find((each) => each.toLowerCase() === text?.toLowerCase());
  if (text !== undefined && product === undefined) throw invalid('--product', text, SNP_PRODUCTS.join(', '));
  return product;
}

function baseOf({ flags }: CliContext): URL | undefined {
  const text = textFlag(flags, 'from');
  if (text === undefined) return undefined;
  const url = URL.parse(text);
  if (url?.protocol === 'http:' || url?.protocol === 'https:') return url;
  throw invalid('--from', text, 'an http or https URL');
}

function invalid(option: string, found: string | undefined, expected: string): Fault {
  const what = found === undefined ? 'is needed' : `found ${found.slice(0, 40)}`;
  return new Fault('CONFIG_INVALID', `${option}: ${what}, expected ${expected}`);
}
