import { readFile, writeFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { PCR_BANK_NAMES, type PcrBank } from '#shared/attestation/tpm/pcr.ts';
import { concat, EMPTY, fromHex } from '#shared/bytes/bytes.ts';
import type { EmulatedAk } from '../tpm/key.ts';
import { mintQuote } from '../tpm/quote.ts';
import type { TpmRegisters } from '../tpm/registers.ts';
import type { ToolCall, ToolOutcome } from './server.ts';

/** The vTPM that the paravisor of a confidential VM on Azure keeps. */
export interface Vtpm {
  readonly ak: EmulatedAk;
  readonly registers: TpmRegisters;
  /** The HCL report with 64 bytes of user data in it: the paravisor makes it whenever its index is read. */
  readonly hclReport: (userData: Uint8Array) => Promise<Uint8Array>;
}

/** Where Azure keeps things ("Guest attestation for confidential VMs"). */
const INDICES = { hclReport: 0x01400001, userData: 0x01400002 } as const;
const AK_HANDLE = 0x81000003;
const USER_DATA_BYTES = 64;

/** Programs of tpm2-tools that are stood for: those that evidence needs. */
export const VTPM_PROGRAMS: readonly string[] = ['tpm2_nvread', 'tpm2_nvreadpublic', 'tpm2_nvwrite', 'tpm2_quote'];

/** Options of those programs by their letters in tpm2-tools, all with a value but -Q. */
const OPTIONS = {
  hierarchy: { type: 'string', short: 'C' },
  input: { type: 'string', short: 'i' },
  output: { type: 'string', short: 'o' },
  'key-context': { type: 'string', short: 'c' },
  'pcr-list': { type: 'string', short: 'l' },
  'hash-algorithm': { type: 'string', short: 'g' },
  qualification: { type: 'string', short: 'q' },
  message: { type: 'string', short: 'm' },
  signature: { type: 'string', short: 's' },
  pcrs_format: { type: 'string', short: 'F' },
  quiet: { type: 'boolean', short: 'Q' },
} as const;

/** A call, taken apart. */
interface Asked {
  readonly options: ReturnType<typeof optionsOf>['values'];
  /** The NV index, where one is named. */
  readonly index: number;
  /** Absolute path of a file that the call names. */
  readonly file: (name: string | undefined) => string;
}

type Program = (asked: Asked) => Promise<Uint8Array>;

/** The tools of one vTPM; give what they print. What a TPM would refuse ends with code 1, as in tpm2-tools. */
export function vtpmTools(vtpm: Vtpm): (call: ToolCall) => Promise<ToolOutcome> {
  const programs = programsOf(vtpm);
  return async ({ program, args, folder }) => {
    try {
      const { values: options, positionals } = optionsOf(args);
      const file = (name = ''): string => resolve(folder, name);
      const stdout = await programs.get(program)?.({ options, index: Number(positionals[0]), file });
      return { code: 0, stdout: stdout ?? EMPTY, stderr: '' };
    } catch (error) {
      return { code: 1, stdout: EMPTY, stderr: `ERROR: ${error instanceof Error ? error.message : 'failed'}\n` };
    }
  };
}

function optionsOf(args: readonly string[]) {
  return parseArgs({ args: [...args], options: OPTIONS, allowPositionals: true });
}

function programsOf(vtpm: Vtpm): ReadonlyMap<string, Program> {
  let userData: Uint8Array = new Uint8Array(USER_DATA_BYTES);
  async function contentOf(index: number): Promise<Uint8Array> {
    if (index === INDICES.userData) return userData;
    if (index === INDICES.hclReport) return vtpm.hclReport(userData);
    throw new Error('the TPM has no such NV index');
  }
  return new Map<string, Program>([
    [
      'tpm2_nvreadpublic',
      async ({ index }) => {
        await contentOf(index);
        return EMPTY;
      },
    ],
    [
      'tpm2_nvread',
      async ({ index, options, file }) => {
        const content = await contentOf(index);
        if (options.output === undefined) return content;
        await writeFile(file(options.output), content);
        return EMPTY;
      },
    ],
    [
      'tpm2_nvwrite',
      async ({ index, options, file }) => {
        const written = await readFile(file(options.input));
        if (index !== INDICES.userData) throw new Error('this NV index cannot be written');
        if (written.length > USER_DATA_BYTES) throw new Error('the NV index is smaller than that');
        userData = concat(written, userData.subarray(written.length));
        return EMPTY;
      },
    ],
    ['tpm2_quote', (asked) => quote(vtpm, asked)],
  ]);
}

async function quote({ ak, registers }: Vtpm, { options, file }: Asked): Promise<Uint8Array> {
  if (Number(options['key-context']) !== AK_HANDLE) throw new Error('the TPM has no such key');
  const extraData = fromHex(options.qualification ?? '');
  if (extraData === undefined) throw new Error('the qualifying data is not hexadecimal');
  const selection = selectionOf(options['pcr-list'] ?? '');
  const minted = mintQuote(ak, registers, { extraData, selection });
  const values = [...minted.pcrs.values()].flatMap((bank) => [...bank.values()]);
  await writeFile(file(options.message), minted.quote);
  await writeFile(file(options.signature), minted.signature);
  await writeFile(file(options.output), concat(...values));
  return EMPTY;
}

/** `sha256:0,1+sha384:0`. */
function selectionOf(text: string): ReadonlyMap<PcrBank, readonly number[]> {
  return new Map(
    text.split('+').map((part) => {
      const [name, list = ''] = part.split(':');
      const bank = PCR_BANK_NAMES.find((known) => known === name);
      if (bank === undefined) throw new Error('no such bank of registers');
      return [bank, list.split(',').map(Number)] as const;
    }),
  );
}
